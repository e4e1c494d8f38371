#!/usr/bin/env bash
# Saves and restores a small process with an established TCP connection: criu-selftest.sh CRIU
#
# `criu check` says "Looks good" for builds that can't dump an inet socket on a newer kernel, so only a real dump and restore counts.
# All of it happens in PID, mount and network namespaces of its own: whatever goes wrong, everything dies with the namespace's first process.
# Exit status: 0 it works, 1 it does not (the reason on stderr).
set -euo pipefail

readonly DEADLINE_SECONDS=30

if [[ ${FERRY_SELFTEST_INSIDE:-} != yes ]]; then
    criu=${1:?usage: criu-selftest.sh CRIU}
    folder=$(mktemp -d "${TMPDIR:-/tmp}/ferry-criu-selftest.XXXXXX")
    trap 'rm -rf "$folder"' EXIT
    status=0
    FERRY_SELFTEST_INSIDE=yes timeout --kill-after=5 "$DEADLINE_SECONDS" \
        unshare --net --pid --mount --ipc --fork --kill-child --mount-proc \
        bash "$0" "$criu" "$folder" </dev/null || status=$?
    case $status in
        0) ;;
        124 | 137) echo "the self-test did not end within $DEADLINE_SECONDS s" >&2; exit 1 ;;
        *) exit 1 ;;
    esac
    exit 0
fi

criu=$1
folder=$2
count=$folder/count
mkdir "$folder/images"
# Messages go to descriptor 3: bash itself would write to stderr that its child was killed, which is what a dump does.
exec 3>&2 2>/dev/null
ip link set lo up

failed() {
    local log=$folder/images/$2
    echo "$1" >&3
    [[ ! -e $log ]] || grep -E 'Error|Warn' "$log" | tail -n 5 >&3 || true
    exit 1
}

# shellcheck disable=SC2016  # the variables are Perl's
# The count must go on from where it was, through the same connection: it is sent to oneself each time before it is written.
setsid perl -e '
    use IO::Socket::INET;
    use POSIX ();
    # A descriptor that a caller leaked belongs to a mount outside and can not be dumped.
    POSIX::close($_) for 3 .. 255;
    my $folder = shift;
    my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1, Proto => "tcp") or die "listen: $!";
    my $sender = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $listener->sockport, Proto => "tcp") or die "connect: $!";
    my $receiver = $listener->accept or die "accept: $!";
    for (my $number = 1; ; $number++) {
        syswrite($sender, pack("N", $number)) == 4 or die "send: $!";
        my $bytes = "";
        while (length($bytes) < 4) { sysread($receiver, $bytes, 4 - length($bytes), length($bytes)) or die "receive: $!"; }
        open(my $file, ">", "$folder/count.new") or die "open: $!";
        print $file unpack("N", $bytes), "\n";
        close $file;
        rename("$folder/count.new", "$folder/count");
        select(undef, undef, undef, 0.01);
    }' "$folder" </dev/null >/dev/null 2>&1 9>&- &
process=$!

# reached NUMBER SECONDS: waits until the process has counted to it.
reached() {
    local end=$((SECONDS + $2)) number=0
    until [[ $number -ge $1 ]]; do
        [[ $SECONDS -lt $end ]] || return 1
        sleep 0.02
        number=$(cat "$count" 2>/dev/null) || number=0
        number=${number:-0}
    done
}

reached 3 10 || failed "the self-test's process did not start" none
"$criu" dump -t "$process" -D "$folder/images" -o dump.log -v2 --manage-cgroups=ignore --tcp-established \
    >/dev/null 2>&1 || failed "criu dump failed" dump.log
# The number is free for the restored process only when the old one was reaped.
kill -KILL "$process" || true
wait "$process" || true
before=$(cat "$count")
"$criu" restore -d -D "$folder/images" -o restore.log -v2 --manage-cgroups=ignore --tcp-established \
    >/dev/null 2>&1 || failed "criu restore failed" restore.log
reached $((before + 3)) 10 || failed "the restored process does not go on with its TCP connection" restore.log
