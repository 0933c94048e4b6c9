#!/usr/bin/env bash
# Lets libFuzzer look for bytes that break a parser.
#
#   scripts/fuzz.sh [--seconds N] [--all] [TARGET…]
#
#   --seconds N   for each target [5]
#   --all         also the targets that need libtorch, whose C++ part is then
#                 compiled once more (minutes)
#   TARGET        record, architecture, where, truth, onnx; cifar, folder,
#                 safetensors, texts, tokeniser
#
# Each starts from tests/fuzz/seeds and keeps what it finds worth keeping in
# target/fuzz/corpus. Bytes that break a parser are left in target/fuzz/found;
# put them among the seeds once it is mended. Needs neither a nightly Rust nor
# cargo-fuzz, which runs the same targets (cargo fuzz run --fuzz-dir tests/fuzz
# --features libfuzzer fuzz-record).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

seconds=5 all='' targets=()
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help)
            manual
            exit 0
            ;;
        --seconds)
            seconds=${2:-}
            case $seconds in '' | 0* | *[!0-9]*) die "--seconds needs a number above 0" ;; esac
            shift
            ;;
        --all) all=1 ;;
        -*) die "unknown option $1 (--help)" ;;
        *) targets+=("$1") ;;
    esac
    shift
done
[ ${#targets[@]} -gt 0 ] || targets=(record architecture where truth onnx ${all:+cifar folder safetensors texts tokeniser})
for target in "${targets[@]}"; do
    [ -f "$root/tests/fuzz/fuzz_targets/$target.rs" ] || die "there is no target \"$target\" (--help)"
    case $target in cifar | folder | safetensors | texts | tokeniser) all=1 ;; esac
done

"$root/scripts/setup.sh"
use_written_settings
cd "$root"
build=$(dirname "$(binaries)")/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
# What cargo-fuzz passes, less what only a nightly Rust takes. The written
# settings' own flags are replaced by these; libtorch is then found by path.
# Half the optimisation, since most of the time goes to compiling.
CARGO_PROFILE_RELEASE_OPT_LEVEL=1 RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Ccodegen-units=1 --cfg fuzzing" \
    cargo build --release --package knas-fuzz --bins --target "$host" --target-dir "$build" \
    --no-default-features --features "libfuzzer${all:+,torch}"
libtorch=$(sed -n 's/^LIBTORCH = "\(.*\)"$/\1/p' .cargo/config.toml)

status=0
for target in "${targets[@]}"; do
    mkdir -p "$build/corpus/$target" "$build/found"
    say "$target, for $seconds s"
    # In its own words only where it finds something.
    if ! LD_LIBRARY_PATH="$libtorch/lib" "$build/$host/release/fuzz-$target" \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 \
        -artifact_prefix="$build/found/$target-" \
        "$build/corpus/$target" "tests/fuzz/seeds/$target" >"$build/log" 2>&1; then
        tail -n 40 "$build/log" >&2
        say "$target is broken by the bytes in $build/found"
        status=1
    fi
    sed -n "s/^stat::number_of_executed_units: */fuzz.sh: $target, runs: /p" "$build/log" >&2
done
exit "$status"
