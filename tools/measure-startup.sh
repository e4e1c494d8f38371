#!/usr/bin/env bash
# Measures how long Ferry's processes take to start: tools/measure-startup.sh [RUNS]
#
# Prints a line for each: the median and the slowest of RUNS runs (default 9) in milliseconds, with the AOT caches and without.
#   help         ferry --help, to its end
#   ps           ferry ps against a running coordinator, to its end
#   coordinator  from its start to its ready line, with an empty data folder the first time
#   node         from its start to its ready line, that is until the coordinator has taken it in (only as root)
# Run it on an idle machine: every other process shows in the numbers.
set -euo pipefail

FERRY_SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tiny-cluster.sh
. "$FERRY_SCRIPTS/tiny-cluster.sh"
root=${FERRY_SCRIPTS%/*}
runs=${1:-9}

tiny_cluster_prepare

now() { printf '%s' "$((${EPOCHREALTIME/[.,]/} / 1000))"; }

# report NAME: reads milliseconds, one a line.
report() {
    sort -n | awk -v name="$1" -v caches="$caches" '{ t[NR] = $1 } END { printf "%-12s %-8s median %5d ms  slowest %5d ms\n", name, caches, t[int((NR + 1) / 2)], t[NR] }'
}

timed() {
    local begin
    begin=$(now)
    "$@" >/dev/null 2>"$work/errors" </dev/null || { cat "$work/errors" >&2; exit 1; }
    echo $(($(now) - begin))
}

repeat() {
    local run
    for ((run = 0; run < runs; run++)); do "$@"; done
}

timed_coordinator() {
    local begin
    begin=$(now)
    start_coordinator "${command[@]}"
    echo $(($(now) - begin)) >>"$work/times"
    end_process "$coordinator"
}

timed_node() {
    local begin
    begin=$(now)
    start_node "${command[@]}"
    echo $(($(now) - begin)) >>"$work/times"
    end_process "$node"
}

for caches in cached plain; do
    command=("$root/ferry")
    [[ $caches == cached ]] || command=(env FERRY_AOT=off "$root/ferry")
    : >"$work/times"
    repeat timed_coordinator
    report coordinator <"$work/times"
    start_coordinator "${command[@]}"
    repeat timed "${command[@]}" --help | report help
    repeat timed "${command[@]}" ps --server "$address" | report ps
    if [[ $EUID -eq 0 ]]; then
        : >"$work/times"
        repeat timed_node
        report node <"$work/times"
    fi
    end_process "$coordinator"
done
