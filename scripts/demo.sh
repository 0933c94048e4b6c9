#!/usr/bin/env bash
# From a fresh clone to five ranked architectures, scored on real images:
# fetches what is missing, builds, and runs the pipeline.
#
#   scripts/demo.sh [CELLS]      (without a number: 30, about a minute)
set -euo pipefail
. "$(dirname "$0")/lib.sh"

cells=${1:-30}
case $cells in
    '' | *[!0-9]*) die "CELLS is a number (scripts/demo.sh [CELLS])" ;;
esac

"$root/scripts/setup.sh" --data
use_written_settings
cd "$root"
say "building (the first time, the C++ part of torch-sys takes minutes)"
cargo build --release --workspace --bins

bin=$(binaries)
say "knas-sample -n $cells | knas-score --data cifar10 | knas-rank -k 5 --format table"
"$bin/knas-sample" -n "$cells" |
    "$bin/knas-score" --data cifar10 |
    "$bin/knas-rank" -k 5 --format table
say "the binaries are in $bin; to go on: export PATH=\"$bin:\$PATH\""
