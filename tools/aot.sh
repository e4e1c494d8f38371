#!/usr/bin/env bash
# Makes the ahead-of-time caches of a built product, one for each role: cli/target/dist/aot/{cli,coordinator,node}.aot
#
# Each role is started once in a training run of the real thing (the launcher's own flags and class path, so that the cache fits); the JVM writes the
# cache when it ends. A role that can't be trained here has no cache and just starts more slowly. Called by build.sh; its output goes to the build's log.
set -euo pipefail

FERRY_SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${FERRY_SCRIPTS%/*}
aot=$root/cli/target/dist/aot

mkdir -p "$aot"
work=$(mktemp -d "${TMPDIR:-/tmp}/ferry-aot.XXXXXX")
trap 'rm -rf "$work"' EXIT

# train ROLE WORD...: runs the verb with a cache as its output. The verb's own exit status doesn't matter, the cache does.
train() {
    local role=$1
    shift
    FERRY_AOT_TRAINING=yes FERRY_JAVA_OPTS="-XX:AOTCacheOutput=$work/$role.aot" "$root/ferry" "$@" || true
    [[ -s $work/$role.aot ]] || { echo "no cache for $role"; return 1; }
    mv "$work/$role.aot" "$aot/$role.aot"
}

train cli --help
