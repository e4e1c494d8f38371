#!/usr/bin/env bash
# Makes the ahead-of-time caches of a built product, one for each role: cli/target/dist/aot/{coordinator,cli,node}.aot
#
# Each role runs once for real, together as a cluster of one node with a folder as its store: by the launcher, with its own flags and class path, so that the
# caches fit. The JVM writes its cache when it ends. A role that can't be trained here (a node, say, without root) has no cache and just starts more slowly.
# Called by build.sh; its output goes to the build's log. Leaves no process, folder or cgroup behind. Exit status 1 if a cache is missing.
set -euo pipefail

FERRY_SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tiny-cluster.sh
. "$FERRY_SCRIPTS/tiny-cluster.sh"
root=${FERRY_SCRIPTS%/*}
aot=$root/cli/target/dist/aot

mkdir -p "$aot"
tiny_cluster_prepare

# training ROLE: prints nothing, sets command to a launcher that writes the role's cache.
training() {
    command=(env FERRY_AOT=off "FERRY_JAVA_OPTS=-XX:AOTCacheOutput=$work/$1.aot" "$root/ferry")
}

# keep ROLE: takes over the cache that a training wrote.
keep() {
    if [[ ! -s $work/$1.aot ]]; then
        echo "no cache for $1"
        complete=no
        return
    fi
    mv "$work/$1.aot" "$aot/$1.aot"
}

complete=yes
address=127.0.0.1:1
coordinator=
node=
training coordinator
start_coordinator "${command[@]}" || complete=no
if [[ $EUID -eq 0 && -n $coordinator ]]; then
    training node
    start_node "${command[@]}" || complete=no
fi
# What a node is for: without it the first save and the first restore of a daemon take seconds, in which a job stands still. A machine that can't do it (no runc, no
# CRIU) leaves it out.
travels() {
    local verb
    plain=(env FERRY_AOT=off "$root/ferry")
    "${plain[@]}" run --server "$address" --name training --memory 64MiB --cpus 1 --wait running -- sh -c 'while :; do echo step; sleep 0.1; done' || return 0
    for verb in checkpoint suspend resume; do
        "${plain[@]}" "$verb" --server "$address" training || break
    done
    "${plain[@]}" cancel --server "$address" training || true
}
[[ -z $node ]] || travels </dev/null
# The other verbs share nearly all of its classes.
training cli
FERRY_MAIN=StartupTraining "${command[@]}" "$address" "$work/coordinator/access/ca.pem" </dev/null || true
keep cli
if [[ -n $node ]]; then
    end_process "$node" || true
    keep node
fi
if [[ -n $coordinator ]]; then
    end_process "$coordinator" || true
    keep coordinator
fi
[[ $complete == yes ]]
