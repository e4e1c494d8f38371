#!/usr/bin/env bash
# Runs all tests: tools/test.sh [--gpu] [MAVEN-ARGUMENT...]
#
#   --gpu  also runs the tests that need a real GPU, on those of this machine; then none whose name holds Gpu may be skipped either
#
# Sets up the machine first, then `mvn verify`, whose output is shown. Then it looks at two things Maven does not: whether a test that must
# run here was skipped, and whether the run left anything behind. Exit status: Maven's own; 1 if only one of the two failed; 69 setup failed.
set -euo pipefail

FERRY_SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$FERRY_SCRIPTS/common.sh"
root=${FERRY_SCRIPTS%/*}

readonly SETTLE_SECONDS=10

arguments=()
gpu=no
for argument in "$@"; do
    case $argument in
        --gpu) gpu=yes; arguments+=(-Dferry.gpu=true) ;;
        -h | --help)
            sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        *) arguments+=("$argument") ;;
    esac
done

"$FERRY_SCRIPTS/setup.sh" test
"$FERRY_SCRIPTS/build.sh" --if-stale

# Every process of the run inherits the mark in its environment; this shell and its listings don't have it.
mark=$(cat /proc/sys/kernel/random/uuid)
work=$(mktemp -d "${TMPDIR:-/tmp}/ferry-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
"$FERRY_SCRIPTS/leftovers.sh" "$mark" >"$work/before"
touch "$work/started"

say "running the tests (mvn verify) ..."
status=0
FERRY_TEST_RUN=$mark JAVA25_HOME=${FERRY_JAVA_HOME:-} mvn -B -ntp -fae -f "$root/pom.xml" "${arguments[@]}" verify </dev/null || status=$?

# skipped_tests: prints the tests that were skipped though this machine has what they need.
skipped_tests() {
    local report
    while read -r report; do
        awk -v gpu="$gpu" '
            /<testcase / {
                name = $0; sub(/.* name="/, "", name); sub(/".*/, "", name)
                class = $0; sub(/.* classname="/, "", class); sub(/".*/, "", class)
            }
            /<skipped/ && (gpu == "yes" || (class " " name) !~ /Gpu/) { print class "." name }' "$report"
    done < <(find "$root" -path '*/target/*-reports/TEST-*.xml' -newer "$work/started")
}

# left_behind: prints what is there now and was not before. Kernel and runc clean up a moment after a process ended: they are given that.
left_behind() {
    local end=$((SECONDS + SETTLE_SECONDS))
    while :; do
        "$FERRY_SCRIPTS/leftovers.sh" "$mark" >"$work/after"
        comm -13 "$work/before" "$work/after" >"$work/left"
        [[ -s $work/left && $SECONDS -lt $end ]] || break
        sleep 0.5
    done
    cat "$work/left"
}

skipped=$(skipped_tests)
left=$(left_behind)
verdict=0
if [[ -n $skipped ]]; then
    say "these tests were skipped, though this machine has what they need:"
    printf '    | %s\n' "${skipped//$'\n'/$'\n    | '}" >&2
    verdict=1
fi
if [[ -n $left ]]; then
    say "the tests left this behind:"
    printf '    | %s\n' "${left//$'\n'/$'\n    | '}" >&2
    verdict=1
fi
if [[ $gpu == yes && $status -eq 0 ]] && ! find "$root" -path '*/target/*-reports/TEST-*Gpu*.xml' -newer "$work/started" | grep -q .; then
    say "--gpu was given, but no test whose name holds Gpu ran"
    verdict=1
fi
[[ $status -ne 0 ]] || status=$verdict
if [[ $status -eq 0 ]]; then say "all tests passed, nothing was left behind"; else say "the tests failed (exit status $status)"; fi
exit "$status"
