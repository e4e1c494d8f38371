#!/usr/bin/env bash
# Makes the ahead-of-time caches of a built product, one for each role: cli/target/dist/aot/{coordinator,cli,node}.aot
#
# Each role is started once for real, together as a cluster of one node with a folder as its store: by the launcher, with its own flags and class path, so
# that the caches fit. The JVM writes its cache when it ends. A role that can't be trained here (a node, say, without root) has no cache and just starts more
# slowly. Called by build.sh; its output goes to the build's log. Leaves no process, folder or cgroup behind.
set -euo pipefail

FERRY_SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${FERRY_SCRIPTS%/*}
aot=$root/cli/target/dist/aot

readonly READY_SECONDS=30 END_SECONDS=60

mkdir -p "$aot"
work=$(mktemp -d "${TMPDIR:-/tmp}/ferry-aot.XXXXXX")
group=ferry-training-$$
running=()

clean_up() {
    local process
    for process in "${running[@]}"; do kill -KILL "$process" 2>/dev/null || true; done
    [[ $EUID -ne 0 ]] || find /sys/fs/cgroup -depth -type d -path "*/$group*" -exec rmdir {} \; 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT

# run_training ROLE WORD...: becomes the verb, with the role's cache as its output.
run_training() {
    local role=$1
    shift
    export FERRY_AOT_TRAINING=yes FERRY_JAVA_OPTS="-XX:AOTCacheOutput=$work/$role.aot"
    exec "$root/ferry" "$@"
}

# start ROLE PATTERN WORD...: starts a daemon and waits until its output matches the pattern; sets ready to the match.
start() {
    local role=$1 pattern=$2 end=$((SECONDS + READY_SECONDS))
    shift 2
    (run_training "$role" "$@") >"$work/$role.log" 2>&1 &
    started=$!
    running+=("$started")
    until ready=$(grep -m 1 -oE "$pattern" "$work/$role.log"); do
        if ! kill -0 "$started" 2>/dev/null || [[ $SECONDS -ge $end ]]; then
            echo "the $role did not become ready:"
            tail -n 20 "$work/$role.log"
            return 1
        fi
        sleep 0.1
    done
}

# end ROLE PROCESS: ends a daemon in an orderly way, upon which its JVM writes the cache, and keeps it.
end() {
    local limit=$((SECONDS + END_SECONDS))
    kill -TERM "$2" 2>/dev/null || true
    while kill -0 "$2" 2>/dev/null && [[ $SECONDS -lt $limit ]]; do sleep 0.1; done
    keep "$1"
}

keep() {
    [[ -s $work/$1.aot ]] || { echo "no cache for $1"; return 1; }
    mv "$work/$1.aot" "$aot/$1.aot"
}

cat >"$work/coordinator.yaml" <<YAML
data: $work/coordinator
grpcListen: 127.0.0.1:0
httpListen: 127.0.0.1:0
store:
  url: file://$work/store
YAML

coordinator=
address=127.0.0.1:1
if start coordinator 'grpc=[^ ]+' coordinator --config "$work/coordinator.yaml"; then
    coordinator=$started
    address=${ready#grpc=}
fi
complete=yes
if [[ $EUID -eq 0 && -n $coordinator ]]; then
    cat >"$work/node.yaml" <<YAML
name: training
data: $work/node
coordinator: $address
cgroup: /$group
store:
  url: file://$work/store
YAML
    if start node 'ready( |$)' node --config "$work/node.yaml"; then
        node=$started
    else
        node=
        complete=no
    fi
fi
# The verb that is asked for most; the others share nearly all of its classes.
(run_training cli ps --server "$address") || true
keep cli || complete=no
[[ -z ${node:-} ]] || end node "$node" || complete=no
[[ -z $coordinator ]] || end coordinator "$coordinator" || complete=no
[[ -n $coordinator && $complete == yes ]]
