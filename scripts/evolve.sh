#!/usr/bin/env bash
# Searches by regularised evolution (Real et al., AAAI 2019), as a loop over the
# tools: mutate the best of the population, score only what is new, and let
# every candidate leave the population as it ages.
#
#   scripts/evolve.sh -o FILE [OPTION…] [-- FLAG…]
#
# FILE gets every candidate that was scored, in the order in which they came to
# be; the FLAGs are those of knas-score. The binaries must be on the PATH.
#
#   -o FILE          where the records go (FILE.evolving until the end)
#   --budget N       how many candidates are scored [300]
#   --population N   how many of the youngest are mutated and compete [50]
#   --parents N      how many of these are mutated: the best [10]
#   --children N     how many mutants a generation has [20]
#   --by NAME[,…]    by what knas-rank finds the best [the first score]
#   --combine HOW    how several names make one score [rank-sum]
#   --seed N         of the first population and of the mutations [0]
#
# The same seed gives the same file. The same command, after whatever ended it,
# goes on where it was.
#
#   scripts/evolve.sh -o found.ndjson --budget 200 -- --proxy naswot && knas-rank -k 5 found.ndjson
#
# Exit: 0 all scored; 1 some candidates failed; 2 nothing could be done.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

output='' budget=300 population=50 parents=10 children=20 seed=0
rank=() flags=()
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
        -o | --budget | --population | --parents | --children | --by | --combine | --seed)
            [ $# -gt 1 ] || die "$1 needs a value (--help)"
            case $1 in
                -o) output=$2 ;;
                --by | --combine) rank+=("$1=$2") ;;
                *)
                    case $2 in '' | *[!0-9]*) die "$1 is a number, not \"$2\"" ;; esac
                    printf -v "${1#--}" %d "$((10#$2))"
                    ;;
            esac
            shift
            ;;
        *) die "unknown argument $1 (flags of knas-score come after --; --help)" ;;
    esac
    shift
done
[ -n "$output" ] || die "-o FILE is missing (--help)"
for tool in knas-sample knas-score knas-rank; do
    have "$tool" || die "$tool is not on the PATH"
done

# Every candidate so far. It changes in one step, when a generation is complete,
# and all that is to be done next follows from it alone.
history=$output.evolving
work=$(mktemp -d "$output.work.XXXXXX") || die "$output cannot be written"
trap 'rm -rf "$work"' EXIT

# A history of other settings must not be gone on with; a larger budget may.
settings="--population $population --parents $parents --children $children --seed $seed ${rank[*]-} -- ${flags[*]-}"
if [ -e "$history" ] && [ -e "$history.settings" ] && [ "$settings" != "$(cat "$history.settings")" ]; then
    die "$history was made with $(cat "$history.settings"): use the same options, or remove it"
fi
printf '%s\n' "$settings" >"$work/settings"
mv "$work/settings" "$history.settings"

# score FILE: adds to the history what it lacks. Exit code 1 is some failed.
score() {
    local code=0
    knas-score "${flags[@]}" --resume -o "$history" "$1" || code=$?
    [ "$code" -le 1 ] || exit "$code"
}

# Only where there is no history yet: with one, what is left of a generation that
# was killed would be taken for a part of the first.
if [ ! -e "$history" ]; then
    knas-sample -n "$((population < budget ? population : budget))" --seed "$seed" -o "$work/first"
    score "$work/first"
fi

barren=0 # attempts in a row without a child that is new
while :; do
    # A generation follows from one state: after a kill of this script alone, its
    # knas-score may still be about to complete the history.
    cp "$history" "$work/history"
    count=$(wc -l <"$work/history")
    [ "$count" -lt "$budget" ] || break
    tail -n "$population" "$work/history" >"$work/population"
    knas-rank -q -k "$parents" "${rank[@]}" --on-error skip "$work/population" >"$work/parents" ||
        die "the population cannot be ranked"
    knas-sample --mutate "$children" --parents "$work/parents" \
        --seed "$((seed + 1000 * count + barren))" >"$work/children"
    # knas-sample writes the id first: {"id":"ID",…
    awk -F '"' -v room="$((budget - count))" '
        known { seen[$4]; next }
        !($4 in seen) && room-- > 0 { seen[$4]; print }' \
        known=1 "$work/history" known=0 "$work/children" >"$work/new"
    if [ -s "$work/new" ]; then
        barren=0
        score "$work/new"
    else
        barren=$((barren + 1))
        [ "$barren" -lt 100 ] || die "no mutant is new any more, after $count candidates; they are in $history"
    fi
done
code=0
! grep -q '"error":{"stage":"score",' "$history" || code=1
mv "$history" "$output"
rm -f "$history.settings"
exit "$code"
