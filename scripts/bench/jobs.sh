# Candidates a second: two processes under GNU parallel beside -j 2 in one process.
# shellcheck shell=bash
set -euo pipefail

if ! command -v parallel >/dev/null; then
    echo "skipped: there is no GNU parallel"
    exit
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
flags=(--quiet --data noise --cells "${CELLS:-1}" --samples 50)
# Distinct networks: one process would score those that are the same only once.
knas-sample --unique=network -n "${CANDIDATES:-600}" -o "$folder/cells"

# spent COMMAND…: seconds by the clock, and of the processors.
spent() {
    local TIMEFORMAT='%R %U %S'
    { time "$@" >"$folder/out" 2>"$folder/said"; } 2>&1 | awk '{ print $1, $2 + $3 }'
}
one() { knas-score -j 2 "${flags[@]}" "$folder/cells"; }
two() {
    parallel --pipe -N1 --round-robin --line-buffer -j 2 knas-score -j 1 "${flags[@]}" <"$folder/cells"
}

# In turn, and the best of each: other work on the machine only slows down.
for _ in $(seq "${ROUNDS:-5}"); do
    spent one >>"$folder/one"
    spent two >>"$folder/two"
done
best() { sort -n -k "$2,$2" "$folder/$1" | awk -v column="$2" 'NR == 1 { print $column }'; }
count=$(wc -l <"$folder/cells")
printf '%-36s %16s %24s\n' '' candidates/s "processor s a candidate"
for way in one two; do
    awk -v what="$([ $way = one ] && echo "one process, -j 2" || echo "two processes under GNU parallel")" \
        -v n="$count" -v clock="$(best $way 1)" -v processor="$(best $way 2)" \
        'BEGIN { printf "%-36s %16.2f %24.4f\n", what, n / clock, processor / n }'
done
awk -v a="$(best one 1)" -v b="$(best two 1)" -v c="$(best one 2)" -v d="$(best two 2)" \
    'BEGIN { printf "%-36s %16.2f %24.2f\n", "ratio of throughput", a / b, c / d }'
