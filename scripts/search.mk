# A whole search as a makefile: sample, score in shards, rank, train each winner
# as a target of its own, judge the scores, show it all on a page.
#
#   make -j 4 -f scripts/search.mk [NAME=VALUE…] [TARGET]
#
# The knas binaries must be on the PATH. Everything goes to the folder DIR:
#
#   cells-I.ndjson    a shard of the candidates
#   scores-I.ndjson   the same, scored
#   affordable.ndjson those within BUDGET, for the rounds after the first
#   ranked.ndjson     the K best
#   winner-R.ndjson   the one with rank R
#   proposed-N.ndjson what round N trains: the BATCH most promising by a fit to
#                     what the rounds before it trained (with ROUNDS from 2 on);
#                     they are the winners from K + 1 on
#   trained-R.ndjson  the same, trained; its model in models/, its epochs in epochs-R.ndjson
#   best.ndjson       of these, the best by validation accuracy
#   eval.txt          how far the scores can be trusted (against TRUTH, or else
#                     against what was trained)
#   report.html       the whole search on a page
#
# BUDGET=latency=5,memory=2e6,params=1e6 leaves out what takes more than 5 ms for a
# sample on this machine, 2 MB of activations or 1 M parameters; what the budget names
# is scored too. Times are measured: with -j 1 nothing else disturbs them.
#
# Targets: all (report.html, eval.txt and best.ndjson), or any of these files;
# ranked is DIR/ranked.ndjson, to stop before training.
#
# Every step is one process with one core, and -j says how many run at a time.
# A file under its name is complete: what is being made is called FILE.part.
# After Ctrl-C, a crash or a failed step, the same command goes on where it was.
# Candidates that failed (exit code 1) stay in the stream with `error`; only
# what ends a tool otherwise ends make.

DIR = search
SHARDS = 4
K = 5
# Rounds of training: after the first, knas-fit proposes BATCH more each time.
ROUNDS = 1
BATCH = 5
# Flags of the tools.
SAMPLE = -n 300
SCORE = --proxy mgm,grad-norm,params
RANK =
BUDGET =
FINETUNE =
FIT = --acquire ei
# FILE.csv[:COLUMN]
TRUTH =

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all ranked FORCE

shards := $(shell seq $(SHARDS))
ranks := $(shell seq $$(($(K) + ($(ROUNDS) - 1) * $(BATCH))))
rounds := $(shell seq 2 $(ROUNDS))
scores := $(shards:%=$(DIR)/scores-%.ndjson)
trained := $(ranks:%=$(DIR)/trained-%.ndjson)
settings := $(DIR)/settings
# What the budget names and no record has is scored, too.
costs := $(foreach cost,latency memory,$(if $(findstring $(cost)=,$(BUDGET)),$(cost)))
finished = || [ $$? -eq 1 ]

all: $(DIR)/report.html $(DIR)/eval.txt $(DIR)/best.ndjson
ranked: $(DIR)/ranked.ndjson

# What was made with other settings must not be taken up again.
define wanted
SHARDS=$(SHARDS) K=$(K) ROUNDS=$(ROUNDS) BATCH=$(BATCH)
SAMPLE=$(SAMPLE)
SCORE=$(SCORE)
RANK=$(RANK)$(BUDGET:%= BUDGET=%)
FINETUNE=$(FINETUNE)
FIT=$(FIT)
endef
export wanted
$(settings): FORCE
	@mkdir -p $(DIR)
	@if [ ! -e $@ ]; then printf '%s\n' "$$wanted" >$@.part && mv $@.part $@; fi
	@printf '%s\n' "$$wanted" | cmp -s - $@ || \
	    { echo "search.mk: $(DIR) was made with other settings ($@): name another DIR, or remove it" >&2; exit 2; }

$(DIR)/cells-%.ndjson: | $(settings)
	knas-sample $(SAMPLE) --shard $*/$(SHARDS) -o $@

$(DIR)/scores-%.ndjson: $(DIR)/cells-%.ndjson
	knas-score -j 1 $(SCORE) $(costs:%=--proxy %) --resume -o $@ $< $(finished)

$(DIR)/ranked.ndjson: $(scores)
	knas-rank -k $(K) $(RANK) $(BUDGET:%=--budget %) -o $@ $^ $(finished)

# Where fewer than K candidates can be ranked, the last ones of these are empty.
$(DIR)/winner-%.ndjson: $(DIR)/ranked.ndjson
	sed -n '$*{p;q;}' $< >$@.part
	mv $@.part $@

# What may be trained in the rounds after the first.
candidates := $(if $(BUDGET),$(DIR)/affordable.ndjson,$(scores))
$(DIR)/affordable.ndjson: $(scores)
	knas-rank --budget $(BUDGET) --on-error skip -o $@ $^ $(finished)

# Round $1 learns from the trained candidates $2 and proposes $3.
define round
$(DIR)/proposed-$1.ndjson: $(candidates) $(patsubst %,$(DIR)/trained-%.ndjson,$2)
	cat $(patsubst %,$(DIR)/trained-%.ndjson,$2) >$(DIR)/labels-$1.ndjson
	knas-fit $(FIT) --labels $(DIR)/labels-$1.ndjson -o $(DIR)/fit-$1.ndjson $(candidates) $$(finished)
	if [ -s $(DIR)/fit-$1.ndjson ]; then knas-rank -k $(BATCH) -o $$@ $(DIR)/fit-$1.ndjson $$(finished); \
	    else : >$$@; fi
$(foreach number,$3,$(call proposal,$1,$(number),$(firstword $3)))
endef
define proposal

$(DIR)/winner-$2.ndjson: $(DIR)/proposed-$1.ndjson
	sed -n "$$$$(($2 - $3 + 1)){p;q;}" $$< >$$@.part
	mv $$@.part $$@
endef
first = $(shell echo $$(($(K) + ($1 - 2) * $(BATCH) + 1)))
last = $(shell echo $$(($(K) + ($1 - 1) * $(BATCH))))
$(foreach n,$(rounds),$(eval $(call round,$n,$(shell seq $$(($(call first,$n) - 1))),$(shell seq $(call first,$n) $(call last,$n)))))

$(DIR)/trained-%.ndjson: $(DIR)/winner-%.ndjson
	knas-finetune -j 1 $(FINETUNE) --checkpoint-dir $(DIR)/models --log $(DIR)/epochs-$*.ndjson \
	    --resume -o $@ $< $(finished)

$(DIR)/best.ndjson: $(trained)
	knas-rank -k 1 --by finetune.valid_accuracy -o $@ $^ $(finished)

$(DIR)/eval.txt: $(if $(TRUTH),$(scores),$(trained))
	knas-eval $(if $(TRUTH),--truth $(TRUTH)) -o $@ $^ $(finished)

$(DIR)/report.html: $(scores) $(trained)
	for epochs in $(ranks:%=$(DIR)/epochs-%.ndjson); do [ ! -e $$epochs ] || cat $$epochs; done >$(DIR)/epochs.ndjson
	knas-report $(if $(TRUTH),--truth $(TRUTH)) --log $(DIR)/epochs.ndjson -o $@ $^ $(finished)
