# Records a second through knas-sample and knas-rank, beside jq; 10 million in bounded memory.
# shellcheck shell=bash
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
count=${RECORDS:-1000000}

# seconds COMMAND: the best of three, since the machine is shared.
seconds() {
    local best='' begin spent
    for _ in 1 2 3; do
        begin=$(date +%s.%N)
        bash -c "$1" >"$folder/out"
        spent=$(echo "$(date +%s.%N) $begin" | awk '{ printf "%.3f", $1 - $2 }')
        best=$(printf '%s\n%s\n' "$spent" "${best:-$spent}" | sort -n | head -n 1)
    done
    printf '%s\n' "$best"
}

# shellcheck disable=SC2016 # the inner shell expands it
twenty='for i in $(seq 20); do knas-sample --all; done'

row() { awk -v what="$1" -v n="$2" -v s="$3" 'BEGIN { printf "%-52s %10.0f records/s\n", what, n / s }'; }

# scored COUNT: records as knas-score writes them, without its provenance.
scored() {
    knas-sample --all >"$folder/all"
    python3 - "$1" "$folder/all" <<'EOF'
import random, sys
random.seed(1)
cells = [line.rstrip("}\n").split(",", 1)[1] for line in open(sys.argv[2])]
for i in range(int(sys.argv[1])):
    score = random.random()
    print('{"id":"r%d",%s,"scores":{"mgm":%.9f},"score":%.9f,"score_by":"mgm"}'
          % (i, cells[i % len(cells)], score, score))
EOF
}

scored "$count" >"$folder/scored"
head -n 200000 "$folder/scored" >"$folder/part"
row "knas-sample --all, 20 times" $((20 * 15625)) "$(seconds "$twenty")"
row "knas-rank -k 5" "$count" "$(seconds "knas-rank -k 5 '$folder/scored'")"
if command -v jq >/dev/null; then
    row "jq -c . (copies records)" 200000 "$(seconds "jq -c . '$folder/part'")"
    row "jq -cs 'sort_by(-.score)[:5][]'" 200000 "$(seconds "jq -cs 'sort_by(-.score)[:5][]' '$folder/part'")"
fi

# GNU time: a shell's or Python's own memory would hide what the tool takes.
if [ -x /usr/bin/time ]; then
    printf '\n%-30s %14s\n' "knas-rank -k 5 reads" "peak memory"
    for copies in 1 10; do
        for _ in $(seq "$copies"); do cat "$folder/scored"; done |
            /usr/bin/time -f %M -o "$folder/peak" knas-rank -k 5 >"$folder/out"
        awk -v n=$((copies * count)) '{ printf "%-30s %11.1f MB\n", n " records", $1 / 1024 }' "$folder/peak"
    done
fi
