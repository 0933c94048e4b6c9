#!/usr/bin/env bash
# Builds the tools and puts them in place, with manual pages and completions.
#
#   scripts/install.sh --prefix DIR [--with-libtorch] [--binaries DIR]
#
#   --prefix DIR      DIR/bin/knas-*, DIR/share/man, DIR/share/bash-completion,
#                     DIR/share/zsh, DIR/share/fish, and DIR/share/knas for the
#                     scripts that combine the tools
#   --with-libtorch   also copy what libtorch needs on a CPU to DIR/lib/knas, so
#                     that DIR can be moved, and the build's libtorch removed
#                     (needs patchelf; --gpu does not work from there)
#   --binaries DIR    install those in DIR instead of building
set -euo pipefail
. "$(dirname "$0")/lib.sh"

prefix='' with_libtorch='' bin=''
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help)
            manual
            exit 0
            ;;
        --prefix | --binaries)
            [ $# -gt 1 ] || die "$1 needs a folder"
            if [ "$1" = --prefix ]; then prefix=$2; else bin=$2; fi
            shift
            ;;
        --with-libtorch) with_libtorch=1 ;;
        *) die "unknown argument $1 (scripts/install.sh --prefix DIR [--with-libtorch] [--binaries DIR])" ;;
    esac
    shift
done
[ -n "$prefix" ] || die "--prefix DIR is missing (such as --prefix ~/.local)"
[ -z "$with_libtorch" ] || have patchelf || die "patchelf is missing (Debian: apt-get install patchelf)"

if [ -z "$bin" ]; then
    "$root/scripts/setup.sh"
    use_written_settings
    (cd "$root" && cargo build --release --workspace --bins)
    bin=$(binaries)
fi
tools=()
for folder in "$root"/tools/*/; do
    tool=$(basename "$folder")
    [ -x "$bin/$tool" ] || die "$bin/$tool is missing: leave out --binaries to build it"
    tools+=("$tool")
done

mkdir -p "$prefix" 2>/dev/null || die "$prefix cannot be made: choose a folder that can be written"
prefix=$(cd "$prefix" && pwd)

# put FILE MODE DESTINATION: in one step, so that a tool that runs goes on
# running, and nothing is ever half there.
put() {
    mkdir -p "$(dirname "$3")"
    cp -L "$1" "$3.new"
    chmod "$2" "$3.new"
    mv -f "$3.new" "$3"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What knas-score is linked to and a bare system does not have.
libraries() {
    ldd "$bin/knas-score" | sed -nE 's/^[[:space:]]*[^ ]+ => (\/[^ ]+) .*/\1/p' |
        grep -vE '^/(usr/)?lib(32|64|x32)?/' || true
}

if [ -n "$with_libtorch" ]; then
    missing=$(ldd "$bin/knas-score" | sed -n 's/^[[:space:]]*\(.*\) => not found.*/\1/p' | paste -s -d ' ' -)
    [ -z "$missing" ] || die "knas-score does not find $missing: run scripts/setup.sh"
    # They look for one another beside themselves.
    libraries | while read -r library; do
        put "$library" 644 "$prefix/lib/knas/$(basename "$library")"
    done
    # The licences of the wheels that they are from.
    wheels=$(libraries | sed -n 's/\/torch\/lib\/libtorch_cpu\..*//p')
    for licence in "$wheels"/{torch,nvidia_cuda_cupti,nvidia_cuda_runtime}-*.dist-info/licenses/*; do
        [ -f "$licence" ] || continue
        wheel=$(basename "${licence%/licenses/*}" .dist-info)
        put "$licence" 644 "$prefix/share/doc/knas/$wheel/$(basename "$licence")"
    done
fi
for tool in "${tools[@]}"; do
    cp -L "$bin/$tool" "$work/$tool"
    # shellcheck disable=SC2016  # $ORIGIN is the loader's
    [ -z "$with_libtorch" ] || patchelf --set-rpath '$ORIGIN/../lib/knas' "$work/$tool"
    put "$work/$tool" 755 "$prefix/bin/$tool"
done

for tool in "${tools[@]}"; do
    generated=$work/generated
    while read -r what destination; do
        "$prefix/bin/$tool" --generate "$what" >"$generated" || die "$prefix/bin/$tool does not run"
        put "$generated" 644 "$prefix/share/$destination"
    done <<END
man man/man1/$tool.1
complete-bash bash-completion/completions/$tool
complete-zsh zsh/site-functions/_$tool
complete-fish fish/vendor_completions.d/$tool.fish
END
done
for script in lib.sh score-parallel.sh evolve.sh search.mk; do
    mode=755
    [ -x "$root/scripts/$script" ] || mode=644
    put "$root/scripts/$script" "$mode" "$prefix/share/knas/$script"
done
put "$root/LICENSE" 644 "$prefix/share/doc/knas/LICENSE"
put "$root/README.md" 644 "$prefix/share/doc/knas/README.md"
say "${#tools[@]} tools are in $prefix/bin"
