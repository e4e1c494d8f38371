#!/usr/bin/env bash
# Makes the kit: one file that checks a machine with GPUs, without network and without installation: tools/kit.sh --out FILE
#
#   sh FILE [FOLDER]                  unpacks it into FOLDER/ferry-kit
#   FOLDER/ferry-kit/run --out DIR    checks this machine's GPUs; tools/kit/run says more
#
# It holds a trimmed Java runtime, Ferry's jars, CRIU, runc and nft with all their libraries and the loader that these were linked for, and the stand-in for GPUs. What is
# needed of the target is Linux with the same architecture, bash, coreutils, util-linux, tar and gzip: what every bare Debian and Ubuntu has.
# Exit status: 0 made, 64 wrong arguments, 69 the machine lacks something, 1 it came out too large.
set -euo pipefail

FERRY_SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$FERRY_SCRIPTS/common.sh"
root=${FERRY_SCRIPTS%/*}

readonly MOST_BYTES=$((60 << 20))
# Where the kit is seen while it runs, by a mount of its own: programs name their loader by an absolute path.
readonly AT=/run/ferry-kit
# What the jars need (jdeps), without java.desktop, which only their unused parts name.
readonly MODULES=java.base,java.compiler,java.logging,java.management,java.naming,java.net.http,java.sql,java.xml,jdk.httpserver,jdk.jfr,jdk.management,jdk.unsupported

out=
while [[ $# -gt 0 ]]; do
    case $1 in
        --out) out=${2:-}; shift 2 || true ;;
        --out=*) out=${1#--out=}; shift ;;
        -h | --help)
            sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        *) say "kit: '$1' is not known; write: ferry kit --out FILE"; exit 64 ;;
    esac
done
[[ -n $out ]] || { say "kit: write: ferry kit --out FILE"; exit 64; }

java_home=${FERRY_JAVA_HOME:?the launcher sets it}
criu=$FERRY_TOOLS/criu/bin/criu
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
runc=$(type -P runc) || unavailable "runc is missing: apt-get install runc"
nft=$(type -P nft) || unavailable "nft is missing: apt-get install nftables"
[[ -x $criu ]] || unavailable "there is no CRIU in $FERRY_TOOLS: './ferry setup' installs it"
[[ -x $java_home/bin/jlink ]] || unavailable "$java_home has no jlink: install a JDK, not a JRE"
for tool in patchelf zstd gcc ldd; do
    type -P "$tool" >/dev/null || unavailable "$tool is missing: apt-get install patchelf zstd gcc libc-bin"
done

work=$(mktemp -d "${TMPDIR:-/tmp}/ferry-kit.XXXXXX")
trap 'rm -rf "$work"' EXIT
kit=$work/ferry-kit
mkdir -p "$kit/tools/lib" "$kit/cli/target/dist" "$kit/node-daemon/src" "$kit/node-daemon/target"

# libraries PROGRAM: prints the files of all that it is linked with, its own loader first: ldd names the system's beside it.
libraries() {
    patchelf --print-interpreter "$1"
    ldd "$1" | sed -nE '/ld-linux/d; s/.*=> (\/[^ ]+) .*/\1/p'
}

# loader_of PROGRAM: prints the name of the loader that it asks for.
loader_of() { basename "$(patchelf --print-interpreter "$1")"; }

# bring NAME PROGRAM: puts it into tools/NAME/bin, with its libraries in tools/lib, where the first that brings one has its way: CRIU's libc is the newest.
bring() {
    local name=$1 program=$2 library
    mkdir -p "$kit/tools/$name/bin"
    cp "$(readlink -f "$program")" "$kit/tools/$name/bin/$name"
    patchelf --print-interpreter "$program" >/dev/null 2>&1 || return 0
    while read -r library; do
        [[ -e $kit/tools/lib/${library##*/} ]] || cp -L "$library" "$kit/tools/lib/${library##*/}"
    done < <(libraries "$program")
    # An RPATH, because a RUNPATH is not inherited by the libraries that a program loads; absolute, because runc runs from a copy in memory.
    patchelf --set-interpreter "$AT/tools/lib/$(loader_of "$program")" --force-rpath --set-rpath "$AT/tools/lib" "$kit/tools/$name/bin/$name"
}

say "kit: the Java runtime ..."
"$java_home/bin/jlink" --add-modules "$MODULES" --strip-debug --no-header-files --no-man-pages --compress zip-0 --output "$kit/runtime"
say "kit: Ferry's jars ..."
"$java_home/bin/java" -XX:TieredStopAtLevel=1 "$FERRY_SCRIPTS/kit/Jars.java" "$root/cli/target/dist/lib" "$kit/cli/target/dist/lib" "$(uname -m)"
touch "$kit/cli/target/dist/lib/complete"
say "kit: CRIU, runc, nft, the stand-in ..."
bring criu "$criu"
bring runc "$runc"
bring nft "$nft"
cp -a "$root/node-daemon/src/standin" "$kit/node-daemon/src/"
"$kit/node-daemon/src/standin/build.sh" "$kit/node-daemon/target/standin"
gcc -O2 -Wall -Wextra -Werror -static -s -o "$kit/tools/own-root" "$FERRY_SCRIPTS/kit/own-root.c"
cp "$root/ferry" "$FERRY_SCRIPTS/kit/run" "$kit/"

# What unpacks it: zstd with its libraries, started by its own loader, in a gzip that every system can read.
mkdir "$work/unpack"
cp "$(type -P zstd)" "$work/unpack/zstd"
while read -r library; do
    cp -L "$library" "$work/unpack/"
done < <(libraries "$work/unpack/zstd")
mv "$work/unpack/$(loader_of "$work/unpack/zstd")" "$work/unpack/loader"

say "kit: packing $(du -sm "$kit" | cut -f1) MiB ..."
tar -C "$work/unpack" --owner=0 --group=0 -czf "$work/unpack.tar.gz" .
tar -C "$work" --owner=0 --group=0 -cf - ferry-kit | zstd -q -12 -T0 --long=27 -o "$work/kit.tar.zst"
head_lines=$(wc -l <"$FERRY_SCRIPTS/kit/head")
sed -e "s/@LINES@/$((head_lines + 1))/" -e "s/@UNPACKER@/$(stat -c %s "$work/unpack.tar.gz")/" "$FERRY_SCRIPTS/kit/head" >"$work/file"
cat "$work/unpack.tar.gz" "$work/kit.tar.zst" >>"$work/file"
chmod 755 "$work/file"
bytes=$(stat -c %s "$work/file")
if [[ $bytes -gt $MOST_BYTES ]]; then
    say "kit: it has $((bytes >> 20)) MiB, more than the $((MOST_BYTES >> 20)) that it may have"
    exit 1
fi
mkdir -p "$(dirname "$out")"
mv "$work/file" "$out"
say "kit: $out, $((bytes >> 20)) MiB; 'sh $(basename "$out")' on the machine with the GPUs unpacks it"
