#!/usr/bin/env bash
# Makes one tarball that runs, on the CPU, wherever it is unpacked: on Debian 12
# or later, or another system with a C library at least as new as this one's.
# It needs neither Rust nor libtorch there.
#
#   scripts/package.sh [-o FILE] [--binaries DIR]
#
#   -o FILE          the tarball [knas-VERSION-SYSTEM-MACHINE.tar.gz, here]
#   --binaries DIR   package those in DIR instead of building
set -euo pipefail
. "$(dirname "$0")/lib.sh"

version=$(sed -nE '/^\[workspace.package\]/,/^\[/s/^version = "(.*)"$/\1/p' "$root/Cargo.toml")
name=knas-$version-$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)
output=$name.tar.gz
options=()
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help)
            manual
            exit 0
            ;;
        -o | --binaries)
            [ $# -gt 1 ] || die "$1 needs a value"
            if [ "$1" = -o ]; then output=$2; else options=(--binaries "$2"); fi
            shift
            ;;
        *) die "unknown argument $1 (scripts/package.sh [-o FILE] [--binaries DIR])" ;;
    esac
    shift
done
[ "$(uname -s)" = Linux ] || die "packages are made on Linux"

work=$(mktemp -d "$output.work.XXXXXX" 2>/dev/null) || die "$output cannot be written"
trap 'rm -rf "$work"' EXIT
"$root/scripts/install.sh" --prefix "$work/$name" --with-libtorch "${options[@]}"

# The same files give the same bytes.
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime='2026-01-01 00:00Z' -cf - "$name" |
    gzip -n -1 >"$work/tarball"
mv "$work/tarball" "$output"
say "$output ($(du -m "$output" | cut -f 1) MB)"
