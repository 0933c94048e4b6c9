#!/usr/bin/env bash
# Does all the set-up that the tests need and runs every test. The last line
# is the sum over all test programs: N passed, N failed.
#
#   scripts/test.sh [ARGUMENT…]      (arguments go to cargo test)
set -euo pipefail
. "$(dirname "$0")/lib.sh"

"$root/scripts/setup.sh" --data
use_written_settings
cd "$root"

# What only some tests use, and skip themselves without.
optional jq jq "records, read by another program"
optional make make "the pipeline as a makefile"
optional parallel parallel "the pipeline under GNU parallel"
optional patchelf patchelf "a package that runs elsewhere"
optional shellcheck shellcheck "the scripts themselves"
optional chromium chromium "the report, opened in a browser"

# The tests run the binaries as a user does, so those come first.
cargo build --release --workspace --bins
cargo test --release --workspace --no-run "$@"

# Tests run side by side: libtorch's own threads would only be in their way.
export OMP_NUM_THREADS=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
cargo test --release --workspace --no-fail-fast "$@" 2>&1 | tee "$log" || status=$?

# A test program that died reports no result; it counts as one failure.
awk -v status="$status" '
    /^ +(Running|Doc-tests) / { died += open; open = 1 }
    /^test result: / {
        for (i = 2; i <= NF; i++) {
            if ($i ~ /^passed/) passed += $(i - 1)
            if ($i ~ /^failed/) failed += $(i - 1)
        }
        open = 0
    }
    END {
        failed += died + open
        if (status != 0 && failed == 0) failed = 1
        printf "%d passed, %d failed\n", passed, failed
    }' "$log"
exit "$status"
