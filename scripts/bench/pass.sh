# The rate of mgm beside that of a matrix product, on one thread, in turn.
# shellcheck shell=bash
set -euo pipefail
cargo bench --quiet --profile release -p knas-proxy --bench pass -- "${ROUNDS:-9}"
