#!/usr/bin/env bash
# Lists what a run of Ferry could leave behind on this machine, one line each, sorted: tools/leftovers.sh [MARK]
#
# Mounts, named network namespaces, network links, cgroups with ferry in their name, temporary files that libraries unpack, and processes: those in such a cgroup, and those that have
# FERRY_TEST_RUN=MARK in their environment. Compare a listing before a run with one after it.
set -euo pipefail
mark=${1:-}

{
    # Mounts of other container engines and of logins come and go by themselves; `ip netns` mounts its folder once and for good.
    while read -r _ _ _ _ point _; do
        case $point in
            /run/netns | /run/user/* | /var/lib/docker/* | /run/docker/* | /var/lib/containers/* | /run/containerd/* | /snap/*) ;;
            *) printf 'mount %s\n' "$point" ;;
        esac
    done </proc/self/mountinfo
    for namespace in /run/netns/*; do
        [[ ! -e $namespace ]] || printf 'network namespace %s\n' "${namespace##*/}"
    done
    for link in /sys/class/net/*; do
        [[ ! -e $link ]] || printf 'network link %s\n' "${link##*/}"
    done
    while read -r _ _ _ _ point _; do
        [[ $point == /sys/fs/cgroup* ]] || continue
        find "$point" -xdev -type d -iname '*ferry*' -printf 'cgroup %p\n' 2>/dev/null || true
    done < <(grep -E ' - cgroup2? ' /proc/self/mountinfo)
    for file in "${TMPDIR:-/tmp}"/{ferry-,ferry_,sqlite-,vertx-cache-,libzstd,jffi}*; do
        [[ ! -e $file ]] || printf 'temporary file %s\n' "$file"
    done
    for process in /proc/[0-9]*; do
        if [[ -n $mark ]] && grep -qzFx "FERRY_TEST_RUN=$mark" "$process/environ" 2>/dev/null; then
            :
        elif grep -qi ferry "$process/cgroup" 2>/dev/null && ! cmp -s "$process/cgroup" /proc/self/cgroup; then
            :
        else
            continue
        fi
        command=$(tr '\0' ' ' 2>/dev/null <"$process/cmdline" | cut -c1-160) || command=
        # A zombie has no command line; its parent is listed for it.
        [[ -z $command ]] || printf 'process %s %s\n' "${process#/proc/}" "$command"
    done
} | sort -u
