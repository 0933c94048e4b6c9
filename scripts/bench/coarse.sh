# A cheap pass over all and the best in full, beside all in full: what is kept, and the work.
# shellcheck shell=bash
set -euo pipefail

# CELLS random networks (there are 5,260), scored and ranked BY auto or mgm; in full
# the best KEEP in a hundred. SETTINGS are those of the cheap pass, one a line.
cells=${CELLS:-1000} by=${BY:-auto} keep=${KEEP:-10}
settings=${SETTINGS:-"--channels 8 --cells 1 --samples 16
--channels 8 --cells 1 --samples 8
--channels 4 --cells 1 --samples 8
--cells 1 --samples 16
--cells 1 --samples 8
--samples 4"}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
knas-sample --unique=network -n "$cells" --seed "${SEED:-0}" -o cells

# scored OUTPUT INPUT FLAG…: the seconds it takes by the clock, and of the
# processors, which other work on the machine hardly changes. Exit code 1: some
# scores are undefined.
scored() {
    local output=$1 input=$2 TIMEFORMAT='%R %U %S'
    shift 2
    { time knas-score --quiet --proxy "$by" "$@" -o "$output" "$input" 2>said || [ $? = 1 ]; } 2>&1 |
        awk '{ print $1, $2 + $3 }'
}

# best COUNT FILE
best() { knas-rank --quiet -k "$1" --by "$by" "$2"; }

ids() { sed -E 's/.*"id":"([^"]*)".*/\1/'; }

# found IN_A_THOUSAND: how many percent of the best in full are among those kept.
found() {
    awk -v wanted="$(((cells * $1 + 999) / 1000))" 'NR == FNR { kept[$1]; next }
        FNR <= wanted { sum += $1 in kept } END { printf "%.0f", 100 * sum / wanted }' kept order
}

read -r clock all < <(scored full cells)
best "$cells" full | ids >order
printf '%s networks by %s: all in full %s s by the clock and %s s of the processors;\n' "$cells" "$by" "$clock" "$all"
printf 'the best %s %% of a cheap pass are then scored in full\n\n' "$keep"
printf '%-38s %10s %8s %11s   %s\n' "cheap pass" "its work" "both" "kept: 0.6 %" "2 %   5 %  of the best"
while read -r setting; do
    rm -f cheap again
    # shellcheck disable=SC2086
    read -r _ first < <(scored cheap cells $setting)
    best "$((cells * keep / 100))" cheap | tee chosen | ids >kept
    read -r _ second < <(scored again chosen)
    awk -v setting="$setting" -v all="$all" -v first="$first" -v second="$second" \
        -v a="$(found 6)" -v b="$(found 20)" -v c="$(found 50)" 'BEGIN {
            printf "%-38s %9.1f%% %7.1f%% %10s%% %4s%% %4s%%\n", setting, 100 * first / all, 100 * (first + second) / all, a, b, c }'
done <<<"$settings"
