# Training images a second of knas-finetune beside a plain PyTorch loop, in turn.
# shellcheck shell=bash
set -euo pipefail
# shellcheck source=../lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
cd "$root"
torch_python || exit 0
images=$cache/cifar10
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
channels=${CHANNELS:-8} cells=${CELLS:-1} count=${IMAGES:-2560} epochs=2

# Candidates side by side: the sum of their rates in the last epoch.
ours() {
    local arch=$1 side_by_side=$2 place
    for ((place = 0; place < side_by_side; place++)); do
        printf '{"id":"c%d","space":"nb201","arch":"%s"}\n' "$place" "$arch"
    done |
        knas-finetune -q --data "cifar10:$images" --channels "$channels" --cells "$cells" \
            --epochs "$epochs" --train-limit "$count" --valid-limit 64 --test-limit 64 \
            -j "$side_by_side" --log "$work/log" >/dev/null
    sed -nE "s/.*\"epoch\":$epochs,.*images_per_second\":([0-9.]+).*/\1/p" "$work/log" |
        awk '{ sum += $1 } END { printf "%.1f\n", sum }'
}

plain() {
    PYTHONPATH=$PWD/scripts/bench${PYTHONPATH:+:$PYTHONPATH} \
        "$python" scripts/bench/finetune.py "$images" "$1" "$channels" "$cells" "$count" "$epochs"
}

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

printf 'C=%s N=%s, batch 256, training images a second (medians of rounds in turn)\n' "$channels" "$cells"
printf '%-8s %10s %14s %14s %8s %8s\n' cell PyTorch 'one candidate' 'two at once' one/Py two/Py
while read -r name arch; do
    : >"$work/rounds"
    for ((round = 0; round < ${ROUNDS:-3}; round++)); do
        echo "$(plain "$arch") $(ours "$arch" 1) $(ours "$arch" 2)" >>"$work/rounds"
    done
    row=$name
    # The rates, then ours over PyTorch's in the same round.
    for column in 1:0 2:0 3:0 2:1 3:1; do
        row+=" $(awk -v c="${column%:*}" -v by="${column#*:}" \
            '{ print (by ? $c / $by : $c) }' "$work/rounds" | median)"
    done
    # shellcheck disable=SC2086
    printf '%-8s %10.0f %14.0f %14.0f %8.2f %8.2f\n' $row
done <<'EOF'
best |nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|
random |avg_pool_3x3~0|+|nor_conv_1x1~0|none~1|+|nor_conv_1x1~0|nor_conv_1x1~1|nor_conv_3x3~2|
EOF
