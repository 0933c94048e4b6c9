# What scripts/evolve.sh finds, beside random search with as many candidates.
# shellcheck shell=bash
#
# Each of RUNS scores BUDGET candidates by `auto` in a cheap setting,
# once drawn at random and once by evolution, and takes the best by their
# combination; what these are worth is looked up.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
truth=${KNAS_SHARED:-$here/../../../shared/data}/nb201/truth.csv runs=${RUNS:-5} budget=${BUDGET:-200}
if [ ! -r "$truth" ]; then
    echo "there are no known accuracies at $truth: set KNAS_SHARED" >&2
    exit
fi
by=(--by auto)
flags=(--quiet --data noise --channels 8 --cells 1 --samples 32 --proxy auto)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# worth FILE: CIFAR-10 test accuracy of its best, and the mean of its ten best.
worth() {
    knas-rank -q -k 10 "${by[@]}" "$1" | sed -E 's/.*"id":"nb201-([0-9]+)".*/\1/' >"$folder/best"
    awk -F , -v column="$(head -n 1 "$truth" | tr , '\n' | grep -nx cifar10_test | cut -d : -f 1)" '
        NR == FNR { place[$1] = FNR; next }
        $1 in place { sum += $column; if (place[$1] == 1) first = $column }
        END { print first, sum / length(place) }' "$folder/best" "$truth"
}

# Candidates without a score (exit code 1) count for the budget, too.
finished() { "$@" 2>"$folder/said" || [ $? = 1 ] || { cat "$folder/said" >&2 && exit 2; }; }

printf '%-8s %16s %16s %16s %16s\n' seed "random: best" "ten best" "evolved: best" "ten best"
for seed in $(seq "$runs"); do
    knas-sample -n "$budget" --seed "$seed" -o "$folder/cells"
    finished knas-score "${flags[@]}" -o "$folder/random" "$folder/cells"
    rm -f "$folder/evolved"
    finished "$here/../evolve.sh" -o "$folder/evolved" --budget "$budget" --seed "$seed" "${by[@]}" -- "${flags[@]}"
    read -r random random_ten < <(worth "$folder/random")
    read -r evolved evolved_ten < <(worth "$folder/evolved")
    printf '%-8s %16s %16s %16s %16s\n' "$seed" "$random" "$random_ten" "$evolved" "$evolved_ten"
done | tee "$folder/table"
awk '{ for (i = 2; i <= 5; i++) sum[i] += $i }
    END { printf "%-8s %16.2f %16.2f %16.2f %16.2f\n", "mean", sum[2] / NR, sum[3] / NR, sum[4] / NR, sum[5] / NR }' "$folder/table"
