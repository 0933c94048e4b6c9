# How well knas-fit orders NAS-Bench-201 by few labels, and what active search finds.
# shellcheck shell=bash
#
# KNAS_SCORES is a file of its distinct networks, scored (knas-sample --all
# --unique=network | knas-score). Kendall's tau with validation accuracy is over
# the networks without a label, mean of DRAWS draws of labels. HALF=0 or 1 takes
# every second network only: what there was to choose was chosen on half 0 and
# CIFAR-10. Networks that are cut off from their input (no synflow) are left out.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
truth=${KNAS_SHARED:-$here/../../../shared/data}/nb201/truth.csv scores=${KNAS_SCORES:-}
if [ ! -r "$truth" ] || [ ! -r "$scores" ]; then
    echo "known accuracies are wanted at $truth (KNAS_SHARED), and scored networks in KNAS_SCORES" >&2
    exit
fi
columns=${COLUMNS_OF_TRUTH:-"cifar10_val cifar100_val imagenet16_val"} models=${MODELS:-"auto gp forest ridge"}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
grep '"synflow":' "$scores" | awk -v half="${HALF:-}" 'half == "" || NR % 2 == half' >cells

# draw SEED COUNT: so many random cells become known, the others rest.
draw() {
    awk -v seed="$1" 'BEGIN { srand(seed) } { print rand() "\t" $0 }' cells | sort -g | cut -f 2- >drawn
    head -n "$2" drawn >known
    tail -n +"$(($2 + 1))" drawn >rest
    awk -F , 'NR == FNR { split($0, text, "\""); known[text[4]]; next }
        FNR == 1 || "nb201-" $1 in known' known "$truth" >labels.csv
}

# fitted MODEL COLUMN: Kendall's tau of the fit over the rest. A candidate that
# lacks a score fails alone (exit code 1).
fitted() {
    { knas-fit -q --model "$1" --labels "labels.csv:$2" known rest --on-error skip 2>said || [ $? = 1 ]; } |
        tail -n +"$(($(wc -l <known) + 1))" |
        knas-eval -q -j 1 --resamples 0 --truth "$truth:$2" --by fit --format ndjson |
        sed -n 's/.*"score":"fit","all":{"n":[0-9]*,"spearman":{[^}]*},"kendall":{"value":\([-0-9.e]*\).*/\1/p'
}

printf '%-16s %-8s %6s %6s %6s %6s  (%s networks)\n' "labels" "" 20 50 100 200 "$(wc -l <cells)"
for column in $columns; do
    for model in $models; do
        printf '%-16s %-8s' "$column" "$model"
        for labels in 20 50 100 200; do
            for seed in $(seq "${DRAWS:-12}"); do
                draw "$seed" "$labels"
                fitted "$model" "$column"
            done | awk '{ sum += $1 } END { printf " %6.3f", sum / NR }'
        done
        printf '\n'
    done
    printf '%-16s %s\n' "$column" "$(knas-eval -q --resamples 0 --truth "$truth:$column" --format ndjson cells |
        sed -n 's/.*"score":"\([^"]*\)","all":{"n":[0-9]*,"spearman":{[^}]*},"kendall":{"value":\([-0-9.e]*\).*/\2 \1/p' |
        sort -gr | awk 'NR == 1 { printf "best single: %.3f %s", $1, $2 }')"
done
for fine in val val_ep12; do
    knas-eval -q --truth "$truth" --by gram-entropy,meco-relu --protocol \
        "active,init=${INIT:-5},batch=${BATCH:-5},budget=${BUDGET:-100},first=gram-entropy,reps=${REPS:-20},fine=$fine" cells
done
