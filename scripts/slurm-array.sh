#!/usr/bin/env bash
# An example: scoring as a Slurm job array, a shard of the candidates a task.
#
#   sbatch scripts/slurm-array.sh DIR [FLAG…]
#
# DIR, on a file system that all nodes see, gets cells-I.ndjson and
# scores-I.ndjson; the FLAGs are those of knas-score. The candidates are those
# that knas-sample gives with the flags in KNAS_SAMPLE [-n 1000]. The binaries
# must be on the PATH of the nodes (scripts/package.sh makes a tarball that runs
# where it is unpacked).
#
# When a node dies, what it had scored is in scores-I.ndjson.part; Slurm starts
# the task again and it goes on there. Submit the same job once more, or a part of
# its array, to fill in what is missing and to try again what failed. The first
# submission settles in how many shards the candidates are cut: as many as it has
# tasks, or KNAS_SHARDS. Afterwards:
#
#   knas-rank -k 5 DIR/scores-*.ndjson
#
#SBATCH --job-name=knas-score
#SBATCH --array=1-16
#SBATCH --cpus-per-task=4
#SBATCH --mem-per-cpu=1G
#SBATCH --time=04:00:00
#SBATCH --requeue
# On GPUs, with the FLAGs --gpu 0:
##SBATCH --gpus-per-task=1
set -euo pipefail

: "${1:?"DIR is missing (sbatch scripts/slurm-array.sh DIR [FLAG…])"}"
: "${SLURM_ARRAY_TASK_ID:?"this is a job array: start it with sbatch"}"
shard=$SLURM_ARRAY_TASK_ID
dir=$1
shift

mkdir -p "$dir"
# Other shards under the old names would have candidates twice, and others never.
settings=$dir/settings
mine=$(mktemp "$settings.XXXXXX")
trap 'rm -f "$mine"' EXIT
printf '%s\n%s\n' "${KNAS_SHARDS:-${SLURM_ARRAY_TASK_COUNT:?}}" "${KNAS_SAMPLE:--n 1000}" >"$mine"
ln "$mine" "$settings" 2>/dev/null || true # one task is the first
{ read -r shards && read -r sample; } <"$settings"
refuse() {
    echo "slurm-array.sh: $1: name another DIR, or remove $dir" >&2
    exit 2
}
[ "$sample" = "${KNAS_SAMPLE:--n 1000}" ] || refuse "$dir has the candidates of KNAS_SAMPLE=\"$sample\""
[ "${KNAS_SHARDS:-$shards}" = "$shards" ] || refuse "$dir is cut in $shards shards, not $KNAS_SHARDS"
[ "$shard" -le "$shards" ] || refuse "$dir is cut in $shards shards, and this is task $shard"

# shellcheck disable=SC2086  # flags, several words
knas-sample $sample --shard "$shard/$shards" -o "$dir/cells-$shard.ndjson"
# Exit code 1 says that some candidates failed: the shard is complete.
knas-score --jobs "${SLURM_CPUS_PER_TASK:-1}" "$@" --resume -o "$dir/scores-$shard.ndjson" \
    "$dir/cells-$shard.ndjson" || [ $? = 1 ]
