#!/usr/bin/env bash
# Active search, as a loop over the tools: train the few that a score puts
# first, learn from them, train what the fit proposes, again, until the budget
# is spent.
#
#   scripts/active.sh -o FILE [OPTION…] SCORED.ndjson [-- FLAG…]
#
# FILE gets every candidate that was trained, in that order; the FLAGs are those
# of knas-finetune. The binaries must be on the PATH. What is under way lies in
# the folder FILE.active: what each round proposes, what it trained, models.
#
#   -o FILE        where the records go
#   --budget N     how many candidates are trained [20]
#   --epochs N     no further round once so many epochs are trained
#   --hours H      no further round once this run has taken so long (a whole number)
#   --init N       how many are trained before anything is learnt [5]
#   --batch N      how many a round trains [5]
#   --by NAME[,…]  by what knas-rank finds the first ones [auto]
#   --target FIELD what is learnt [finetune.valid_accuracy]
#   --model NAME, --features KIND[,…], --acquire HOW, --seed N   as knas-fit has them
#
# The same seed gives the same file. The same command, after whatever ended it,
# goes on where it was; with a larger budget, from where it had ended.
#
#   knas-sample -n 300 | knas-score --proxy auto -o scored.ndjson
#   scripts/active.sh -o trained.ndjson --budget 20 scored.ndjson -- --epochs 12
#   knas-rank -k 1 --by finetune.valid_accuracy trained.ndjson
#
# Exit: 0 all trained; 1 some candidates failed; 2 nothing could be done.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

output='' scored='' budget=20 epochs='' hours='' init=5 batch=5 by=auto
target=finetune.valid_accuracy fit=(--acquire ei) flags=()
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help)
            manual
            exit 0
            ;;
        --)
            shift
            flags=("$@")
            break
            ;;
        -o | --budget | --epochs | --hours | --init | --batch | --by | --target | --model | --features | --acquire | --seed)
            [ $# -gt 1 ] || die "$1 needs a value (--help)"
            case $1 in
                -o) output=$2 ;;
                --by) by=$2 ;;
                --target) target=$2 ;;
                --model | --features | --acquire | --seed) fit+=("$1=$2") ;;
                *)
                    case $2 in '' | *[!0-9]*) die "$1 is a number, not \"$2\"" ;; esac
                    printf -v "${1#--}" %d "$((10#$2))"
                    ;;
            esac
            shift
            ;;
        -*) die "unknown option $1 (flags of knas-finetune come after --; --help)" ;;
        *)
            [ -z "$scored" ] || die "one file of scored candidates, not \"$scored\" and \"$1\" (--help)"
            scored=$1
            ;;
    esac
    shift
done
[ -n "$output" ] || die "-o FILE is missing (--help)"
[ -n "$scored" ] || die "the file of scored candidates is missing (--help)"
[ -r "$scored" ] || die "$scored cannot be read"
[[ $init -gt 0 && $batch -gt 0 ]] || die "--init and --batch are at least 1"
for tool in knas-rank knas-fit knas-finetune; do
    have "$tool" || die "$tool is not on the PATH"
done
knas-fit "${fit[@]}" --target "$target" --schema >/dev/null || exit 2 # what is wrong with its flags
if grep -q -v -E '^(\{ *"id" *: *".*)?$' "$scored"; then
    die "$scored has lines that do not begin with {\"id\":, as those of knas-score do"
fi

# What was trained with other settings must not be taken up again. The budget is
# not among them, so that a search can be gone on with.
work=$output.active
mkdir -p "$work" || die "$output cannot be written"
wanted="init=$init batch=$batch by=$by target=$target fit=${fit[*]} finetune=${flags[*]} $(cksum <"$scored")"
[ -e "$work/settings" ] || printf '%s\n' "$wanted" >"$work/settings"
[ "$(cat "$work/settings")" = "$wanted" ] ||
    die "$work was made with other settings ($work/settings): name another file, or remove it"

# propose COUNT: the next ones that were not proposed yet, as a file of their own.
# What the fit cannot tell at all (too few labels, or all equal) the score tells;
# a candidate that it cannot tell anything about is no reason.
propose() {
    local order=$work/order code=2
    cat "$work"/trained-*.ndjson >"$work/trained" 2>/dev/null || :
    cat "$work"/next-*.ndjson >"$work/proposed" 2>/dev/null || :
    if [ -s "$work/trained" ]; then
        code=0
        knas-fit "${fit[@]}" --target "$target" --labels "$work/trained" "$scored" --on-error skip \
            >"$work/fit" || code=$?
        [ "$code" -le 2 ] || exit "$code"
    fi
    if [ "$code" -eq 2 ]; then
        knas-rank -q --by "$by" --on-error skip "$scored" >"$order" || [ $? -eq 1 ] ||
            die "$scored cannot be ranked by $by"
    elif ! [ -s "$work/fit" ]; then
        : >"$order" # nothing is left to be trained
    else
        knas-rank -q --on-error skip "$work/fit" >"$order" || [ $? -eq 1 ] || die "the fit cannot be ranked"
    fi
    # Records begin with their id: {"id":"ID",…
    awk -F '"' -v room="$1" '
        known { seen[$4]; next }
        !($4 in seen) && room-- > 0' known=1 "$work/proposed" known=0 "$order"
}

spent() {
    cat "$work"/trained-*.ndjson 2>/dev/null | grep -o '"epochs":[0-9]*,"stopped"' |
        awk -F '[:,]' '{ sum += $2 } END { print sum + 0 }' || :
}

: >"$work/trained"
round=0 count=0
while [ "$count" -lt "$budget" ]; do
    trained=$work/trained-$(printf %04d "$round").ndjson next=$work/next-$(printf %04d "$round").ndjson
    if [ ! -e "$trained" ]; then
        [ -z "$epochs" ] || [ "$(spent)" -lt "$epochs" ] || break
        [ -z "$hours" ] || [ "$SECONDS" -lt "$((3600 * hours))" ] || break
        if [ ! -e "$next" ]; then
            room=$batch
            [ "$round" -gt 0 ] || room=$init
            [ "$room" -le "$((budget - count))" ] || room=$((budget - count))
            propose "$room" >"$next.part"
            mv "$next.part" "$next"
        fi
        [ -s "$next" ] || break # every candidate is trained
        code=0
        knas-finetune --checkpoint-dir "$work/models" "${flags[@]}" --resume -o "$trained" "$next" || code=$?
        [ "$code" -le 1 ] || exit "$code"
    fi
    # One that failed and was left out has been tried, too.
    count=$((count + $(wc -l <"$next")))
    round=$((round + 1))
done
cat "$work"/trained-*.ndjson >"$output.part"
mv "$output.part" "$output"
! grep -q '"error":{"stage":"finetune",' "$output" || exit 1
