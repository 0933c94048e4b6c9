#!/usr/bin/env bash
# Makes `cargo build` work in this clone.
#
#   scripts/setup.sh [--cuda] [--data]
#
#   --cuda  what a GPU needs, too (several GB)
#   --data  CIFAR-10, too (scripts/fetch-data.sh)
#
# libtorch 2.11.0 is taken from the first of these that has it: the folder in
# LIBTORCH, the one this clone uses already, the cache, the torch of python3,
# or the wheels of this platform, which go to the cache. The choice is written
# to .cargo/config.toml; remove that file to choose anew.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

version=2.11.0
# Named for what the CPU needs; --cuda adds its libraries to the same folder.
wheels=$cache/libtorch-$version-cpu
config=$root/.cargo/config.toml

cuda='' data=''
for argument in "$@"; do
    case $argument in
        --cuda) cuda=1 ;;
        --data) data=1 ;;
        -h | --help)
            manual
            exit 0
            ;;
        *) die "unknown argument $argument (scripts/setup.sh [--cuda] [--data])" ;;
    esac
done

case $(uname -s) in
    Darwin) suffix=dylib ;;
    *) suffix=so ;;
esac

# libtorch_version FOLDER: as its headers tell, which are what gets compiled.
libtorch_version() {
    awk '/^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) / { printf "%s%s", dot, $3; dot = "." }' \
        "$1/include/torch/headeronly/version.h" 2>/dev/null || true
}

# usable FOLDER: a libtorch of our version.
usable() {
    local library
    [ "$(libtorch_version "$1")" = "$version" ] || return 1
    for library in torch_cpu torch c10; do
        [ -e "$1/lib/lib$library.$suffix" ] || return 1
    done
}

# suits FOLDER: the same, with CUDA where that is asked for.
suits() { usable "$1" && { [ -z "$cuda" ] || [ -e "$1/lib/libtorch_cuda.$suffix" ]; }; }

# The same for the wheels, which name libraries that may not be fetched yet.
wheels_suit() { usable "$wheels/torch" && { [ -z "$cuda" ] || [ -e "$wheels/.cuda" ]; }; }

# The folder of python3's torch, found without loading it.
python_torch() {
    python3 -c 'import importlib.util as util
spec = util.find_spec("torch")
print(spec.submodule_search_locations[0] if spec else "")' 2>/dev/null || true
}

# Sets $libtorch to the folder to use, or to nothing where none is ready.
find_libtorch() {
    local given=${LIBTORCH:-} written
    written=$(sed -n 's/^LIBTORCH = "\(.*\)"$/\1/p' "$config" 2>/dev/null || true)
    if [ -n "$given" ]; then
        if suits "$given"; then
            libtorch=$(cd "$given" && pwd)
            return
        fi
        say "LIBTORCH=$given is not libtorch $version${cuda:+ with CUDA} and is not used; unset it before you run cargo yourself"
    fi
    if [ -n "$written" ] && [ "$written" != "$wheels/torch" ] && suits "$written"; then
        libtorch=$written
    elif wheels_suit; then
        libtorch=$wheels/torch
    elif usable "$wheels/torch"; then
        libtorch= # their CUDA libraries are still to come
    else
        libtorch=$(python_torch)
        [ -n "$libtorch" ] && suits "$libtorch" || libtorch=
    fi
}

# The tags of the wheels that suit this machine, as pip's flags.
platform_flags() {
    case $(uname -s)-$(uname -m) in
        Linux-x86_64 | Linux-aarch64)
            printf -- '--platform manylinux_2_28_%s ' "$(uname -m)"
            printf -- '--platform manylinux_2_25_%s ' "$(uname -m)"
            printf -- '--platform manylinux2014_%s ' "$(uname -m)"
            ;;
        Darwin-arm64) printf -- '--platform macosx_11_0_arm64' ;;
        *) die "there is no libtorch $version for $(uname -s) on $(uname -m) to fetch: set LIBTORCH to one of your own" ;;
    esac
}

fetch_libtorch() {
    local flags
    flags=$(platform_flags)
    need_space 2600
    say "fetching libtorch $version (540 MB on x86-64 Linux, once for all clones)"
    # One Python's wheel for everybody: the libraries are the same in all of
    # them, and so one checksum serves each platform.
    # shellcheck disable=SC2086
    pip_install "libtorch $version" --no-deps --require-hashes -r "$root/scripts/libtorch.txt" \
        --implementation cp --python-version 3.11 --abi cp311 $flags --target "$work/libtorch"
    usable "$work/libtorch/torch" || die "the wheels hold no libtorch $version"
    publish "$work/libtorch" "$wheels"
}

# The libraries that torch's own metadata pins, into the same folder: each
# looks for the others beside itself. Their checksums are those of the
# registry, which pip compares.
fetch_cuda() {
    [ "$(uname -s)" = Linux ] || die "--cuda is for Linux"
    need_space 8000
    sed -nE 's/^Requires-Dist: ((cuda-toolkit|nvidia-).*)/\1/p' \
        "$wheels/torch-$version.dist-info/METADATA" >"$work/cuda.txt"
    [ -s "$work/cuda.txt" ] || die "torch $version names no CUDA libraries for this platform"
    say "fetching the CUDA libraries (2 GB)"
    pip_install "the CUDA libraries" -r "$work/cuda.txt" --target "$work/cuda"
    # Links, not copies: same file system, and no library is ever half there.
    cp -aln "$work/cuda/." "$wheels/" || die "the CUDA libraries could not be put into $wheels"
    touch "$wheels/.cuda"
}

# The folder that the linker sees. torch-sys asks for libtorch_cuda wherever
# it finds one, and a binary linked to that starts only where CUDA is
# installed; so the linker sees the CPU's libraries alone, and --gpu loads the
# rest when it runs.
link_folder() {
    local library folder
    if [ "$libtorch" = "$wheels/torch" ]; then
        folder=$cache/libtorch-$version-link
    else
        folder=$cache/libtorch-$version-link-$(printf '%s' "$libtorch" | cksum | cut -d ' ' -f 1)
    fi
    mkdir -p "$folder/lib"
    for library in torch_cpu torch c10; do
        library=lib$library.$suffix
        [ "$(readlink "$folder/lib/$library" || true)" = "$libtorch/lib/$library" ] ||
            ln -sfn "$libtorch/lib/$library" "$folder/lib/$library"
    done
    printf '%s\n' "$folder"
}

# Written only where it says something new: cargo builds anew what depends on it.
write_config() {
    local folder wanted
    folder=$(link_folder)
    case $libtorch$folder in
        *[\"\\,]*) die "quotes, backslashes and commas in a path confuse the linker: $libtorch, $folder" ;;
    esac
    wanted="[env]
LIBTORCH = \"$libtorch\"
LIBTORCH_LIB = \"$folder\"
[build]
rustflags = [\"-C\", \"link-arg=-Wl,-rpath,$libtorch/lib\"]"
    if [ "$(cat "$config" 2>/dev/null || true)" != "$wanted" ]; then
        mkdir -p "$root/.cargo"
        printf '%s\n' "$wanted" >"$config.$$"
        mv "$config.$$" "$config"
    fi
}

need_rust
need_compiler
find_libtorch
# All that is missing is told before the first long download.
[ -n "$libtorch" ] || need_pip
[ -z "$data" ] || [ -n "${KNAS_CIFAR10:-}" ] || cifar10_ready "$cache/cifar10" || need_npm

if [ -z "$libtorch" ]; then
    begin_work
    # Another run may have been faster.
    usable "$wheels/torch" || fetch_libtorch
    wheels_suit || fetch_cuda
    end_work
    libtorch=$wheels/torch
fi
write_config
say "libtorch $version${cuda:+ with CUDA}: ready in $libtorch"

if [ -n "$data" ]; then
    "$root/scripts/fetch-data.sh" cifar10
fi
