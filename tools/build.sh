#!/usr/bin/env bash
# Builds the product into cli/target/dist: lib/*.jar, and aot/ROLE.aot that make its processes start faster.
#
#   tools/build.sh             builds
#   tools/build.sh --if-stale  builds only when a source is newer than the last build
#
# The new product takes the old one's place when all of it is there: one that does not compile, or is broken off, leaves the old one.
# Maven's output goes to a log in the build folder; its end is shown when the build fails. Two callers at once: the second waits and finds it done.
# Exit status: 0 built, 69 a tool is missing or nothing can be downloaded, 1 the sources don't compile.
set -euo pipefail

FERRY_SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$FERRY_SCRIPTS/common.sh"
root=${FERRY_SCRIPTS%/*}
dist=$root/cli/target/dist
new=$dist.new
old=$dist.old
stamp=$dist/.built

# is_stale: true if there is no build or a source is newer than it. Looks at file times only, so it takes milliseconds.
is_stale() {
    [[ -e $stamp ]] || return 0
    [[ -n $(find "$root"/pom.xml "$root"/*/pom.xml "$root"/*/src/main "$FERRY_SCRIPTS" "$root/ferry" -newer "$stamp" -print -quit 2>/dev/null) ]]
}

# commit_id: prints +COMMIT of the sources, +COMMIT.changed if they are not as committed, nothing if this is no checkout.
commit_id() {
    local id
    [[ -e $root/.git ]] && id=$(git -C "$root" rev-parse --short=12 HEAD 2>/dev/null) || return 0
    [[ -z $(git --no-optional-locks -C "$root" status --porcelain --untracked-files=no 2>&1) ]] || id+=.changed
    printf '+%s' "$id"
}

[[ ${1:-} != --if-stale ]] || is_stale || exit 0

type -P mvn >/dev/null || unavailable "Maven is missing: apt-get install maven"
type -P gcc >/dev/null || unavailable "gcc is missing: apt-get install gcc libc6-dev"
compgen -G "${FERRY_JAVA_HOME:-/usr/lib/jvm/*}/bin/javac" >/dev/null ||
    unavailable "${FERRY_JAVA_HOME:-/usr/lib/jvm} holds no compiler: install a JDK, not a JRE"

# Maven and Java make an end in order at Ctrl-C and exit: without this, bash would take that for an answer and go on.
trap 'exit 130' INT

# The lock is the root pom itself: nothing to clean up, and `mvn clean` doesn't remove it.
exec 9<"$root/pom.xml"
if ! flock -n 9; then
    say "waiting for another build to end ..."
    flock -w 1200 9 || unavailable "another build has been running for 20 minutes"
    is_stale || exit 0
fi

mkdir -p "$root/target"
log_file=$root/target/build.log
printf '%(%F %T)T build\n' -1 >"$log_file"
started=$SECONDS
first=
[[ -d ${HOME:-/root}/.m2/repository/io/grpc ]] || first=" (the first time Maven downloads the libraries: a few minutes)"
say "building$first ..."
# The stamp's time is the start, so that a source edited meanwhile is seen as newer.
rm -rf "$new" "$old"
trap 'rm -rf "$new"' EXIT
touch "$root/target/build-started"
# All jars anew: one whose classes are as before is of another commit all the same.
# Maven finds the JDK to compile with by itself in the usual folders; the variable tells it of others.
if ! JAVA25_HOME=${FERRY_JAVA_HOME:-} logged mvn -T 2 -B -ntp -q -f "$root/pom.xml" -Dstyle.color=never "-Dferry.build=$(commit_id)" -Dmaven.jar.forceCreation=true \
    "-Dferry.dist=$new" -DskipTests package; then
    if grep -q 'Cannot find matching toolchain' "$log_file"; then
        unavailable "the build needs a JDK 25; a newer one can only run the product: install one (Eclipse Temurin 25, say) or set JAVA_HOME to it (log: $log_file)"
    fi
    if grep -qE 'Could not (transfer|resolve|find) |Unknown host|offline mode' "$log_file"; then
        grep -m 1 -E '^.{0,12}\[ERROR\]' "$log_file" | sed 's/\x1b\[[0-9;]*m//g; s/^/    | /' | cut -c1-700 >&2 || true
        unavailable "the build could not get what it needs: is the network there? (log: $log_file)"
    fi
    grep -E '^\[ERROR\]' "$log_file" | head -n 20 | sed 's/^/    | /' >&2 || log_tail "$log_file"
    say "the build failed (log: $log_file)"
    exit 1
fi
# Never jar by jar: a running process keeps the files it has open, where one rewritten in place would break it.
[[ ! -e $dist ]] || mv "$dist" "$old"
mv "$new" "$dist"
rm -rf "$old"
# The caches fit the jars at their final place only.
"$FERRY_SCRIPTS/aot.sh" >>"$log_file" 2>&1 </dev/null 9>&- || say "warning: no AOT caches, so commands start more slowly (log: $log_file)"
mv "$root/target/build-started" "$stamp"
say "built in $((SECONDS - started)) s"
