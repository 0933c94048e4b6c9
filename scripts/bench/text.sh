# Training texts a second of knas-finetune beside a plain PyTorch loop, in turn.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=${KNAS_PYTHON:-python3}
if ! "$python" -c 'import torch' 2>/dev/null; then
    echo "skipped: no Python with PyTorch (KNAS_PYTHON names one)" >&2
    exit
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=${TEXTS:-192} epochs=2
export OMP_NUM_THREADS=1 # of PyTorch; ours has --threads

# Texts of LENGTH tokens, of which [CLS] and [SEP] are two, and as many more as
# are set apart for validation.
made() {
    local length=$1
    printf '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n' >"$work/vocab.txt"
    seq -f 'w%.0f' 30000 >>"$work/vocab.txt"
    awk -v count=$((count * 5 / 4)) -v words=$((length - 2)) 'BEGIN {
        for (text = 0; text < count; text++) {
            line = ""
            for (word = 0; word < words; word++) line = line " w" 1 + (text * 7919 + word * 104729) % 30000
            printf "{\"text\":\"%s\",\"label\":%d}\n", line, text % 2
        }
    }' >"$work/texts.jsonl"
}

ours() {
    printf '{"id":"c","space":"roberta-skip","arch":"minilm:1|2|3|4|5|6|head"}\n' |
        knas-finetune -q --data "jsonl:$work/texts.jsonl" --tokenizer "$work" --epochs "$epochs" \
            --valid-limit 2 -j 1 --threads 1 --log "$work/log" >/dev/null
    sed -nE "s/.*\"epoch\":$epochs,.*texts_per_second\":([0-9.]+).*/\1/p" "$work/log"
}

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

printf 'BERT of 6 layers, width 384, batch 16, one thread, training texts a second (medians of rounds in turn)\n'
printf '%-8s %10s %14s %8s\n' tokens PyTorch knas-finetune ratio
for length in ${LENGTHS:-64 128}; do
    made "$length"
    : >"$work/rounds"
    for ((round = 0; round < ${ROUNDS:-3}; round++)); do
        plain=$("$python" scripts/bench/text.py "$count" "$length" "$epochs")
        echo "$plain $(ours)" >>"$work/rounds"
    done
    printf '%-8s %10.1f %14.1f %8.2f\n' "$length" \
        "$(awk '{ print $1 }' "$work/rounds" | median)" \
        "$(awk '{ print $2 }' "$work/rounds" | median)" \
        "$(awk '{ print $2 / $1 }' "$work/rounds" | median)"
done
