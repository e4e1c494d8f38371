# A coordinator and a node for a moment, in a folder of their own: sourced by aot.sh and measure-startup.sh.
#
# After tiny_cluster_prepare: $work is the folder; when the script ends, also by Ctrl-C, what runs is ended and folder and cgroups are removed. Both daemons are started by the
# launcher, so with the flags, class path and caches of the real thing; ports are ephemeral and read from the line in which they say that they are ready.
# shellcheck shell=bash disable=SC2034,SC2154

readonly READY_SECONDS=60 END_SECONDS=60 CLEAN_UP_SECONDS=10

tiny_cluster_prepare() {
    work=$(mktemp -d "${TMPDIR:-/tmp}/ferry-tiny.XXXXXX")
    # No other cluster's name begins with it.
    group=${work##*/}
    running=()
    trap tiny_cluster_clean_up EXIT
    # Java makes an end in order at Ctrl-C and exits: without this, bash would take that for an answer and go on.
    trap 'exit 130' INT
    cat >"$work/coordinator.yaml" <<YAML
data: $work/coordinator
grpcListen: 127.0.0.1:0
httpListen: 127.0.0.1:0
store:
  url: file://$work/store
YAML
}

tiny_cluster_clean_up() {
    local process end=$((SECONDS + CLEAN_UP_SECONDS))
    trap '' INT
    for process in "${running[@]}"; do
        kill -KILL "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    until groups_are_gone; do
        [[ $SECONDS -lt $end ]] || { echo "control groups of $group can't be removed" >&2; break; }
        sleep 0.05
    done
    rm -rf "$work" "/run/ferry/$group.lock"
}

# groups_are_gone: kills what is in the cluster's groups, as jobs outlive their daemon by design, and removes the groups; false if any is left.
# In the older hierarchies what is frozen must be thawed to die. The watchdog ends by itself without its group.
groups_are_gone() {
    local groups=(find /sys/fs/cgroup -path "*/$group*")
    # shellcheck disable=SC2016  # the shell that find starts expands it
    "${groups[@]}" -name freezer.state -exec sh -c 'echo THAWED >"$0"' {} \; 2>/dev/null || true
    "${groups[@]}" -name cgroup.procs -exec cat {} + 2>/dev/null | grep -v '^0$' | xargs -r kill -KILL 2>/dev/null || true
    "${groups[@]}" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    [[ -z $("${groups[@]}" -print -quit 2>/dev/null) ]]
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
