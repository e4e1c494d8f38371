# A coordinator and a node for a moment, in a folder of their own: sourced by aot.sh and measure-startup.sh.
#
# After tiny_cluster_prepare: $work is the folder; tiny_cluster_clean_up ends what runs and removes folder and cgroups. Both daemons are started by the
# launcher, so with the flags, class path and caches of the real thing; ports are ephemeral and read from the line in which they say that they are ready.
# shellcheck shell=bash disable=SC2034

readonly READY_SECONDS=30 END_SECONDS=60

tiny_cluster_prepare() {
    work=$(mktemp -d "${TMPDIR:-/tmp}/ferry-tiny.XXXXXX")
    group=ferry-tiny-$$
    running=()
    cat >"$work/coordinator.yaml" <<YAML
data: $work/coordinator
grpcListen: 127.0.0.1:0
httpListen: 127.0.0.1:0
store:
  url: file://$work/store
YAML
}

tiny_cluster_clean_up() {
    local process
    for process in "${running[@]}"; do kill -KILL "$process" 2>/dev/null || true; done
    [[ $EUID -ne 0 ]] || find /sys/fs/cgroup -depth -type d -path "*/$group*" -exec rmdir {} \; 2>/dev/null || true
    rm -rf "$work"
}

# start_process NAME PATTERN COMMAND...: starts a daemon and waits until its output matches the pattern. Sets process, and ready to what matched.
start_process() {
    local name=$1 pattern=$2 end=$((SECONDS + READY_SECONDS))
    shift 2
    "$@" >"$work/$name.log" 2>&1 </dev/null &
    process=$!
    running+=("$process")
    until ready=$(grep -m 1 -oE "$pattern" "$work/$name.log"); do
        if ! kill -0 "$process" 2>/dev/null || [[ $SECONDS -ge $end ]]; then
            echo "the $name did not become ready:" >&2
            tail -n 20 "$work/$name.log" >&2
            return 1
        fi
        sleep 0.02
    done
}

# end_process PROCESS: asks a daemon to end and waits for it.
end_process() {
    local limit=$((SECONDS + END_SECONDS))
    kill -TERM "$1" 2>/dev/null || true
    while kill -0 "$1" 2>/dev/null; do
        [[ $SECONDS -lt $limit ]] || return 1
        sleep 0.05
    done
}

# start_coordinator COMMAND...: sets coordinator and address. The command is what stands before the verb.
start_coordinator() {
    start_process coordinator 'grpc=[^ ]+' "$@" coordinator --config "$work/coordinator.yaml" || return 1
    coordinator=$process
    address=${ready#grpc=}
}

# start_node COMMAND...: sets node. Needs root and a running coordinator.
start_node() {
    # Only the first time: then it has its certificate. Not by the command: that may be one that is trained.
    local join=
    [[ -e $work/node/pki/node.pem ]] || join=$(env FERRY_AOT=off "$root/ferry" admin join-token --server "$address") || return 1
    cat >"$work/node.yaml" <<YAML
name: tiny
data: $work/node
coordinator: $address
cgroup: $group
joinToken: "$join"
store:
  url: file://$work/store
YAML
    start_process node 'ready( |$)' "$@" node --config "$work/node.yaml" || return 1
    node=$process
}
