#!/bin/sh
# Builds ferry-init into a folder, unless it is there and newer than its source.
set -eu
source=$(dirname "$0")/ferry-init.c
target=$1/ferry-init
[ "$target" -nt "$source" ] && exit 0
mkdir -p "$1"
exec gcc -O2 -Wall -Wextra -Werror -static -s -o "$target" "$source"
