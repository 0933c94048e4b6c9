#!/usr/bin/env bash
# Measures speed and memory, each beside its alternative, and prints tables.
#
#   scripts/bench.sh [NAME…]      (without a name: all of them, one after another)
#   scripts/bench.sh --list
#
# Machines are shared and noisy: what counts are the ratios, which come from
# runs in turn. scripts/bench/ has one file for each NAME.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

benches=$root/scripts/bench
names() { for file in "$benches"/*.sh; do basename "$file" .sh; done; }

if [ "${1:-}" = --list ]; then
    for name in $(names); do
        printf '%-12s %s\n' "$name" "$(sed -n '1s/^# *//p' "$benches/$name.sh")"
    done
    exit
fi
[ $# -gt 0 ] || mapfile -t all < <(names)
for name in "${@:-${all[@]}}"; do
    [ -f "$benches/$name.sh" ] || die "there is no bench \"$name\" (--list lists them)"
done

"$root/scripts/setup.sh" --data
use_written_settings
cd "$root"
cargo build --release --workspace --bins
PATH=$(binaries):$PATH
export PATH
for name in "${@:-${all[@]}}"; do
    printf '\n== %s\n' "$name"
    bash "$benches/$name.sh"
done
