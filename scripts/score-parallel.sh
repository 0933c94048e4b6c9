#!/usr/bin/env bash
# Scores candidates on several GPUs and several machines, with GNU parallel.
#
#   scripts/score-parallel.sh -o FILE [OPTION…] [CELLS…] [-- FLAG…]
#
# CELLS are files of records (none, or -: standard input); the FLAGs are those
# of knas-score. FILE ends with the same bytes as `knas-score -o FILE` writes.
#
#   -o FILE               where the records go (FILE.part until all are there)
#   --gpus N,N,…          a process for each of these GPUs, on every machine
#   --jobs N              N processes on every machine; without it, and without
#                         --gpus, one process that uses all cores
#   --sshloginfile FILE   the machines, as GNU parallel reads them: one a line,
#                         such as user@host, or : for this one
#   --bring TARBALL       take the package that scripts/package.sh makes to every
#                         machine; otherwise knas-score is expected there
#   --program PATH        where knas-score is [knas-score, on the PATH]
#   --joblog FILE         GNU parallel's log: which process ran where, its end
#   --rounds N            how often to go over what lost processes left [3]
#
# An id stands for one candidate: what says the same again counts once, and what
# says something else under an id that came before is refused.
#
# An id stands for one candidate: a record that says the same again counts once,
# and one that says something else under the same id is refused.
#
# What is scored is in FILE.part at once. When a process or its machine is
# lost, so is what it had been given and not scored; the next round gives
# exactly that to the others. The same command, after whatever ended it, goes on
# where it was, and tries again what failed. Needs parallel and jq here; parallel elsewhere only for --gpus.
#
# Exit: 0 all scored; 1 some candidates failed; 2 some are missing, or nothing
# could be done; 130 interrupted.
#
# The command lines behind it, for one machine with two GPUs:
#
#   knas-sample --all --unique | parallel --pipe -N1 --round-robin --line-buffer -j 2 \
#       'CUDA_VISIBLE_DEVICES=$((PARALLEL_JOBSLOT - 1)) knas-score --gpu 0' >scores.ndjson
#
# and for several machines, each with all of its cores:
#
#   knas-sample --all --unique | parallel --pipe -N1 --round-robin --line-buffer -j 1 \
#       --sshloginfile machines --joblog jobs.log knas-score >scores.ndjson
#
# --pipe -N1 --round-robin gives records one at a time to processes that stay,
# so that libtorch and the data are loaded once; --line-buffer passes on each
# line as it is written. Equal shares are given out: machines should be alike.
set -euo pipefail
. "$(dirname "$0")/lib.sh"


output='' gpus='' jobs='' machines='' package='' program=knas-score joblog='' rounds=3
cells=() flags=()
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help)
            manual
            exit 0
            ;;
        --)
            shift
            flags=("$@")
            break
            ;;
        -o | --gpus | --jobs | --sshloginfile | --bring | --program | --joblog | --rounds)
            [ $# -gt 1 ] || die "$1 needs a value (--help)"
            case $1 in
                -o) output=$2 ;;
                --gpus) gpus=$2 ;;
                --jobs) jobs=$2 ;;
                --sshloginfile) machines=$2 ;;
                --bring) package=$2 ;;
                --program) program=$2 ;;
                --joblog) joblog=$2 ;;
                --rounds) rounds=$2 ;;
            esac
            shift
            ;;
        -?*) die "unknown option $1 (flags of knas-score come after --; --help)" ;;
        *) cells+=("$1") ;;
    esac
    shift
done

number() { case $2 in '' | 0* | *[!0-9]*) die "$1 is a number above 0, not \"$2\"" ;; esac }
[ -n "$output" ] || die "-o FILE is missing (--help)"
number --jobs "${jobs:-1}"
number --rounds "$rounds"
case $gpus in *[!0-9,]*) die "--gpus is a list such as 0,1, not \"$gpus\"" ;; esac
[ -z "$gpus" ] || [ -z "$jobs" ] || die "--gpus and --jobs exclude each other"
[ -z "$machines" ] || [ -r "$machines" ] || die "$machines cannot be read"
[ -z "$package" ] || [ -n "$machines" ] || die "--bring needs --sshloginfile"
have parallel || die "GNU parallel is missing (Debian: apt-get install parallel)"
have jq || die "jq is missing (Debian: apt-get install jq)"

part=$output.part
exec 8>>"$part" || die "$part cannot be written"
# Processes of a run that was killed may take a moment to be gone.
! have flock || flock -w 5 8 || die "$part is being written by another process"
work=$(mktemp -d "$output.work.XXXXXX")
running=
stop() {
    trap '' INT TERM
    if [ -n "$running" ]; then
        # The first asks GNU parallel to begin nothing more, the second to end.
        kill "$running" 2>/dev/null || true
        sleep 0.3
        kill "$running" 2>/dev/null || true
        wait "$running" || true
    fi
    say "interrupted; what was scored is in $part"
    exit 130
}
trap 'rm -rf "$work"' EXIT
trap stop INT TERM

# The input is gone over several times.
[ ${#cells[@]} -gt 0 ] || cells=(-)
cat -- "${cells[@]}" >"$work/input" || exit 2

# with_ids FILE: each line after its record's id, as JSON, and a tab; "null"
# where the line is no record.
with_ids() {
    jq -cR '[try (fromjson | .id | strings | select(. != "")) catch null][0]' "$1" >"$work/ids"
    paste "$work/ids" "$1"
}

# Each id once, as knas-score has it.
jq -cR '[try (fromjson | [.id, .space, .arch, .size]) catch null][0]' "$work/input" >"$work/about"
with_ids "$work/input" | paste "$work/about" - | awk -F '\t' -v said="$work/said" '
    { text = substr($0, length($1) + length($2) + 3) }
    $2 == "null" || !($2 in about) { about[$2] = $1; place[$2] = FNR; print text; next }
    about[$2] == $1 { again++; next }
    { printf "lines %d and %d have the id %s and say different things", place[$2], FNR, $2 >said; exit }
    END { if (again) print again " records came again, each counted once" >(said ".again") }' >"$work/distinct"
[ ! -s "$work/said" ] || die "$(cat "$work/said")"
[ ! -s "$work/said.again" ] || say "$(cat "$work/said.again")"
mv "$work/distinct" "$work/input"

# ---- on the machines ---------------------------------------------------------

# Each machine's ssh command: parallel's own format, a number of jobs first.
ssh_commands() {
    sed -E 's/#.*//; s/^[[:space:]]+//; s/[[:space:]]+$//; s/^[0-9]+%?\///; /^$/d' "$machines" |
        while read -r login; do
            case $login in
                :) echo "sh -c" ;;
                *' '*) echo "$login" ;;
                *) echo "ssh $login" ;;
            esac
        done
}

# Unpacks the package on every machine that lacks it, whole or not at all.
bring() {
    local name command
    name=$(digest 256 "$package" | cut -c 1-16)
    program=\$HOME/.cache/knas/package-$name/bin/knas-score
    ssh_commands >"$work/machines"
    while read -r command <&7; do
        # shellcheck disable=SC2086  # the command is several words
        if $command "test -x $program" </dev/null 2>/dev/null; then
            continue
        fi
        say "taking the package to: $command"
        # shellcheck disable=SC2086,SC2016
        $command "cd && mkdir -p .cache/knas && cd .cache/knas && new=\$(mktemp -d package.XXXXXX) &&
            tar -xzC \"\$new\" --strip-components 1 && mv -T \"\$new\" package-$name || rm -rf \"\$new\"" <"$package" ||
            say "the package could not be unpacked there; that machine is passed over"
    done 7<"$work/machines"
}

# What one process runs. Ending with 1 (some candidates failed) is no loss.
job() {
    local quoted=''
    [ ${#flags[@]} -eq 0 ] || quoted=$(printf ' %q' "${flags[@]}")
    case $program in
        \$HOME/*) printf '%s' "$program" ;;
        *) printf '%q' "$program" ;;
    esac
    printf '%s || [ $? = 1 ]' "$quoted${1:-}"
}

resident=(--pipe -N1 --round-robin --line-buffer)

# What one machine runs: the process, or one for each GPU.
machine() {
    local count
    if [ -z "$gpus" ]; then
        job
        return
    fi
    count=$(tr ',' '\n' <<<"$gpus" | wc -l)
    # shellcheck disable=SC2016  # the slot is known where the job runs
    printf 'parallel %s -j %d %q' "${resident[*]}" "$count" \
        "export CUDA_VISIBLE_DEVICES=\$(echo $gpus | cut -d , -f \$PARALLEL_JOBSLOT); $(job ' --gpu 0')"
}

# ---- rounds ------------------------------------------------------------------

# A line that was torn off must not run into the next one.
whole_lines() { [ -z "$(tail -c 1 "$part")" ] || echo >>"$part"; }

# Writes what is not in the part yet to $work/todo. What failed in an earlier run
# counts as not there.
find_todo() {
    whole_lines
    with_ids "$part" | awk -v before="$before" \
        'FNR > before || !/"error":\{"stage":"score",/' >"$work/done"
    with_ids "$work/input" | awk -F '\t' '
        part { if ($1 != "null") done[$1]++; next }
        done[$1] > 0 { done[$1]--; next }
        { print substr($0, length($1) + 2) }' part=1 "$work/done" part=0 - >"$work/todo"
}

# Records that were scored in different ways must not stand side by side.
check_alike() {
    local ways
    ways=$(jq -cR 'fromjson? | objects | select(has("error") | not) | [.scored, (.scores + .scores_undefined // {} | keys)]' \
        <"$part" | LC_ALL=C sort -u | wc -l)
    [ "$ways" -le 1 ] || die "$part holds records scored in $ways different ways (flags, data or versions differ): remove it, or use the same flags and data everywhere"
}

run_round() {
    local log=$work/joblog code=0
    local options=("${resident[@]}" --joblog "$log" -j "${jobs:-1}")
    [ -z "$machines" ] || options+=(--sshloginfile "$machines" --filter-hosts)
    parallel "${options[@]}" "$(machine)" <"$work/todo" >&8 &
    running=$!
    wait "$running" || code=$?
    running=
    if [ -n "$joblog" ] && [ -e "$log" ]; then
        cat "$log" >>"$joblog"
    fi
    return "$code"
}

[ -z "$package" ] || bring
whole_lines
before=$(wc -l <"$part")
find_todo
kept=$(($(wc -l <"$work/input") - $(wc -l <"$work/todo")))
[ "$kept" -eq 0 ] || say "$kept records kept in $part"
round=0
while [ -s "$work/todo" ]; do
    round=$((round + 1))
    if run_round; then
        break
    fi
    given=$(wc -l <"$work/todo")
    find_todo
    left=$(wc -l <"$work/todo")
    [ "$left" -gt 0 ] || break
    # Where nothing was scored at all, trying again does not help.
    if [ "$round" -ge "$rounds" ] || [ "$left" -ge "$given" ]; then
        die "$left candidates are missing, since processes or machines were lost; the same command goes on"
    fi
    say "processes or machines were lost; $left candidates are tried again"
done
check_alike

# In the order of the input, as one process would have written them; what the
# part had beyond the input stands first.
find_todo
with_ids "$work/input" | cut -f 1 | awk -F '\t' '
    !part { places[$1] = places[$1] FNR " "; next }
    $1 == "null" { next }
    {
        place = places[$1] + 0
        sub(/^[0-9]+ /, "", places[$1])
        printf "%d\t%s\n", place, substr($0, length($1) + 2)
    }' - part=1 "$work/done" | LC_ALL=C sort -s -n -k 1,1 | cut -f 2- >"$work/sorted"
sync "$work/sorted" 2>/dev/null || true
mv "$work/sorted" "$output"
rm -f "$part"
failed=$(jq -cR 'fromjson? | objects | select(.error.stage? == "score") | 1' <"$output" | wc -l)
lost=$(grep -c '[^[:space:]]' "$work/todo" || true)
[ $((failed + lost)) -eq 0 ] || {
    say "$((failed + lost)) candidates failed"
    exit 1
}
