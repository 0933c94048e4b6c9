#!/usr/bin/env bash
# Does the set-up that the tests need and runs every test. At the end it lists
# what was skipped; the last line is the sum over all test programs:
# N passed, N failed, N skipped.
#
#   scripts/test.sh [ARGUMENT…]      (arguments go to cargo test)
#
# Some tests use programs that this script does not install: jq, make, parallel,
# patchelf, shellcheck, chromium, script, flock, ssh and sshd, and a Python with
# PyTorch (KNAS_PYTHON). What is not there is skipped; KNAS_REQUIRE=NAME,NAME…
# (or all) lets its tests fail instead.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

"$root/scripts/setup.sh" --data
use_written_settings
cd "$root"

# The tests run the binaries as a user does, so those come first.
cargo build --release --workspace --bins
cargo test --release --workspace --no-run "$@"

# Tests run side by side: libtorch's own threads would only be in their way.
export OMP_NUM_THREADS=1
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
export KNAS_SKIPPED=$reports/skipped
: >"$KNAS_SKIPPED"
status=0
cargo test --release --workspace --no-fail-fast "$@" 2>&1 | tee "$reports/log" || status=$?

LC_ALL=C sort -u -o "$KNAS_SKIPPED" "$KNAS_SKIPPED"
sed 's/^/skipped: /' "$KNAS_SKIPPED"
# A test program that died reports no result; it counts as one failure.
awk -v status="$status" -v skipped="$(wc -l <"$KNAS_SKIPPED")" '
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
        printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    }' "$reports/log"
exit "$status"
