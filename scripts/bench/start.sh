# Seconds from the start of knas-score to its first score; records without scores beside scores.
# shellcheck shell=bash
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
knas-sample --all -o all
knas-sample --unique=network -n "${CANDIDATES:-30}" -o some
head -n 1 some >one

# spent COMMAND…: seconds by the clock and of the processors, the best of five.
spent() {
    local TIMEFORMAT='%R %U %S'
    for _ in 1 2 3 4 5; do
        { time "$@" >out 2>said; } 2>&1
    done | awk '{ print $1, $2 + $3 }' | sort -n | head -n 1
}

read -r first _ < <(spent knas-score --quiet -j 1 one)
read -r _ none < <(spent knas-score --quiet -j 1 --proxy params one)
# Counting parameters is all that is done besides reading and writing.
read -r _ records < <(spent knas-score --quiet -j 1 --proxy params all)
read -r _ scores < <(spent knas-score --quiet -j 1 some)
awk -v first="$first" -v none="$none" -v records="$records" -v n="$(wc -l <all)" \
    -v scores="$scores" -v m="$(wc -l <some)" 'BEGIN {
        record = (records - none) / n
        score = (scores - none) / m
        printf "to the first score, and out again  %8.2f s\n", first
        printf "a record read and written          %8.1f µs of a core\n", record * 1e6
        printf "a record scored by mgm             %8.1f ms of a core, of which that is %.3f %%\n", score * 1e3, 100 * record / score }'
