# Latency by knas-score beside plain PyTorch's of the same networks, in turn.
# shellcheck shell=bash
set -euo pipefail
# shellcheck source=../lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
cd "$root"

# ROUNDS can be set. Both have one thread and one sample; PyTorch has the module that
# knas-export writes.
torch_python || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1

# Two texts of LENGTH tokens, of which [CLS] and [SEP] are two.
made() {
    local words label
    words=$(seq -s ' ' -f 'w%.0f' $(($1 - 2)))
    { printf '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n' && seq -f 'w%.0f' 30000; } >"$work/vocab.txt"
    for label in 0 1; do printf '{"text":"%s","label":%s}\n' "$words" "$label"; done >"$work/texts.jsonl"
}

ours() {
    # shellcheck disable=SC2086
    knas-score --quiet $data --samples 2 --proxy latency "$work/record.ndjson" |
        sed -nE 's/.*"scores":\{"latency":([0-9.]+).*/\1/p'
}

theirs() { "$python" scripts/bench/latency.py "$work"/exported/*.py "$work"/exported/*.safetensors "$size"; }

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

printf 'One sample, one thread, milliseconds (medians of rounds in turn)\n\n'
printf '%-28s %10s %12s %8s\n' network PyTorch knas-score ratio
while IFS='|' read -r row size arguments; do
    rm -rf "$work/exported"
    case $arguments in
        "") # MiniLM's size
            made "$size"
            data="--data jsonl:$work/texts.jsonl --tokenizer $work"
            printf '{"id":"c","space":"roberta-skip","arch":"minilm:1|2|3|4|5|6|head"}\n' >"$work/record.ndjson"
            ;;
        *)
            data="--data noise"
            # shellcheck disable=SC2086
            knas-sample -q $arguments -o "$work/record.ndjson"
            ;;
    esac
    knas-export -q -f torch -o "$work/exported" "$work/record.ndjson" >/dev/null
    : >"$work/rounds"
    for ((round = 0; round < ${ROUNDS:-5}; round++)); do
        echo "$(theirs) $(ours)" >>"$work/rounds"
    done
    printf '%-28s %10.2f %12.2f %8.2f\n' "$row" \
        "$(awk '{ print $1 }' "$work/rounds" | median)" "$(awk '{ print $2 }' "$work/rounds" | median)" \
        "$(awk '{ print $2 / $1 }' "$work/rounds" | median)"
done <<'EOT'
NAS-Bench-201, all 3x3|32|--arch |nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|
MobileNetV2, 224 pixels|224|--space mobilenet --arch mobilenet_v2 --size side=224
ResNet-18, 224 pixels|224|--space resnet --arch basic:64x2,128x2,256x2,512x2 --size side=224
BERT of MiniLM's size, 128|128|
EOT
