# Candidates a second of knas-score beside what other tools do in PyTorch, in turn.
# shellcheck shell=bash
set -euo pipefail
# shellcheck source=../lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
cd "$root"

# CANDIDATES random networks at full size, ROUNDS, and ROWS (names in the table)
# can be set. PyTorch has every core for one network, its default, and knas-score
# its default jobs. Neither's start counts: that of knas-score is the time it
# takes where there is nothing to compute.
torch_python || exit 0
images=$cache/cifar10
count=${CANDIDATES:-8}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
knas-sample --unique=network --where 'macs>2e7' --seed 7 -n "$count" -o "$work/cells"

score() {
    knas-score --quiet --data "cifar10:$images" --samples "$samples" "$@" -o "$work/scored" "$work/cells"
    rm "$work/scored"
}

seconds() {
    local TIMEFORMAT=%R
    { time "$@" >/dev/null 2>"$work/said"; } 2>&1
}

ours() {
    echo "$(seconds score --proxy "$@") $(seconds score --proxy params)" |
        awk -v n="$count" '{ print n / ($1 - $2) }'
}

theirs() {
    PYTHONPATH=$root/scripts/bench "$python" scripts/bench/peers.py "$work/$samples" "$1" <"$work/cells" |
        awk '{ spent += $2 } END { print NR / spent }'
}

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

printf '%s networks at C=16, N=5: candidates a second (medians of rounds in turn)\n\n' "$count"
printf '%-20s %7s %9s %11s %6s\n' "" images PyTorch knas-score ratio
while IFS='|' read -r row samples measures flags; do
    [[ ,${ROWS:-$row}, == *,$row,* ]] || continue
    [ -d "$work/$samples" ] || score --proxy params --dump "$work/$samples"
    : >"$work/rounds"
    for ((round = 0; round < ${ROUNDS:-3}; round++)); do
        # shellcheck disable=SC2086
        echo "$(theirs "$measures") $(ours $flags)" >>"$work/rounds"
    done
    printf '%-20s %7s %9.2f %11.2f %6.2f\n' "$row" "$samples" \
        "$(awk '{ print $1 }' "$work/rounds" | median)" "$(awk '{ print $2 }' "$work/rounds" | median)" \
        "$(awk '{ print $2 / $1 }' "$work/rounds" | median)"
done <<'EOT'
snip|64|snip|snip
grad-norm|64|grad-norm|grad-norm --norm batch
synflow|64|synflow|synflow
naswot|64|naswot|naswot
jacob-cov|64|jacob-cov|jacob-cov
these five|64|snip,grad-norm,synflow,naswot,jacob-cov|snip,grad-norm,synflow,naswot,jacob-cov
mgm-released|50|mgm-released|mgm-released
mgm instead of it|50|mgm-released|mgm
EOT
