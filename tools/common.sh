# Shared by the setup scripts: one line per action on stderr, noisy commands into a log that is shown when they fail.
# shellcheck shell=bash disable=SC2154

readonly EXIT_UNAVAILABLE=69

FERRY_TOOLS=${FERRY_TOOLS:-/var/lib/ferry/tools}

say() { printf 'ferry: %s\n' "$*" >&2; }

# Ends the run: the machine lacks something. The message says what, and what to do about it.
unavailable() {
    say "$@"
    exit "$EXIT_UNAVAILABLE"
}

# log_tail FILE: shows the end of a log, indented, so that it is not taken for our own words.
log_tail() {
    tail -n "${2:-15}" "$1" 2>/dev/null | sed 's/^/    | /' >&2
}

# logged COMMAND...: runs it with all its output appended to the file that the script named as log_file; returns its status.
# Descriptor 9 (the setup's lock) is closed, so that a daemon started by a package can't hold it.
logged() {
    printf '%s\n' "\$ $*" >>"$log_file"
    "$@" >>"$log_file" 2>&1 </dev/null 9>&-
}
