# Spearman of every score with known accuracies, beside what was published.
# shellcheck shell=bash
set -euo pipefail

# CELLS random cells, PROXIES, SAMPLES and SEED can be set. The default asks for
# the scores of a few passes; the tangent kernel takes one for every sample.
truth=${KNAS_SHARED:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)/shared/data}/nb201/truth.csv
if [ ! -f "$truth" ]; then
    echo "there are no known accuracies at $truth: set KNAS_SHARED" >&2
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Over all of NAS-Bench-201, by the papers or by those who measured them again.
cat >"$folder/published" <<'EOF'
meco,.894/.883/.845
swap,.81/.82/.77
zico,.80/.81/.79
gradsign,.77/.79/.78
naswot,.77/.80/.78
synflow,.73/.76/.75
snip,.63/.63/.58
grad-norm,.63/.63/.58
fisher,.55/.55/.50
grasp,.54/.51/.56
ntk-cond,.44/.43/.63
zen,.38/.36/.40
params,.751/.727/.690
macs,.733/.708/.691
EOF

printf '%s random cells, seed %s, %s samples\n\n' "${CELLS:-1000}" "${SEED:-0}" "${SAMPLES:-50}"
knas-sample -n "${CELLS:-1000}" --seed "${SEED:-0}" |
    knas-score --proxy "${PROXIES:-cheap,kernel,az,grasp}" --samples "${SAMPLES:-50}" --seed "${SEED:-0}" |
    knas-eval --truth "$truth:cifar10_test,cifar100_test,imagenet16_test" --format csv >"$folder/judged" ||
    [ $? = 1 ] # some cells have no value of some scores

# The order of the truths is that of the file.
awk -F , '
    NR == FNR { published[$1] = $2; next }
    FNR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
    {
        name = $column["score"]
        if (!(name in row)) order[++n] = name
        row[name] = row[name] (row[name] == "" ? "" : "/") sprintf("%.3f", $column["spearman"])
    }
    END {
        printf "%-18s %-19s %s\n", "score", "measured", "published"
        for (i = 1; i <= n; i++) printf "%-18s %-19s %s\n", order[i], row[order[i]], published[order[i]]
    }
' "$folder/published" "$folder/judged"
