# A whole search as a makefile: sample, score in shards, rank, train each winner
# as a target of its own, judge the scores, show it all on a page.
#
#   make -j 4 -f scripts/search.mk [NAME=VALUE…] [TARGET]
#
# The knas binaries must be on the PATH. Everything goes to the folder DIR:
#
#   cells-I.ndjson    a shard of the candidates
#   scores-I.ndjson   the same, scored
#   ranked.ndjson     the K best
#   winner-R.ndjson   the one with rank R
#   trained-R.ndjson  the same, trained; its model in models/, its epochs in epochs-R.ndjson
#   best.ndjson       of these, the best by validation accuracy
#   eval.txt          how far the scores can be trusted (against TRUTH, or else
#                     against what was trained)
#   report.html       the whole search on a page
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
# Flags of the tools.
SAMPLE = -n 300
SCORE = --proxy mgm,grad-norm,params
RANK =
FINETUNE =
# FILE.csv[:COLUMN]
TRUTH =

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all ranked FORCE

shards := $(shell seq $(SHARDS))
ranks := $(shell seq $(K))
scores := $(shards:%=$(DIR)/scores-%.ndjson)
trained := $(ranks:%=$(DIR)/trained-%.ndjson)
settings := $(DIR)/settings
finished = || [ $$? -eq 1 ]

all: $(DIR)/report.html $(DIR)/eval.txt $(DIR)/best.ndjson
ranked: $(DIR)/ranked.ndjson

# What was made with other settings must not be taken up again.
define wanted
SHARDS=$(SHARDS) K=$(K)
SAMPLE=$(SAMPLE)
SCORE=$(SCORE)
RANK=$(RANK)
FINETUNE=$(FINETUNE)
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
	knas-score -j 1 $(SCORE) --resume -o $@ $< $(finished)

$(DIR)/ranked.ndjson: $(scores)
	knas-rank -k $(K) $(RANK) -o $@ $^ $(finished)

# Where fewer than K candidates can be ranked, the last ones of these are empty.
$(DIR)/winner-%.ndjson: $(DIR)/ranked.ndjson
	sed -n '$*{p;q;}' $< >$@.part
	mv $@.part $@

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
