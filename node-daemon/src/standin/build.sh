#!/bin/sh
# Builds the stand-in for NVIDIA's driver and the jobs written for it: build.sh TARGET, unless they are there and newer than their sources.
#
#   TARGET/cards                      the card server
#   TARGET/lib/libcuda.so.1           the driver's library, with the checkpoint functions (driver 570 and later)
#   TARGET/lib/libnvidia-ml.so.1      NVML
#   TARGET/old/libcuda.so.1           the library of an older driver, which lacks them
#   TARGET/old/cuda-checkpoint        the program that does it there
#   TARGET/jobs/*                     programs that use the devices
set -eu
source=$(cd "$(dirname "$0")" && pwd)
target=$1
mkdir -p "$target"
exec 9>"$target/.lock"
flock 9
if [ -e "$target/.built" ] && [ -z "$(find "$source" -newer "$target/.built" -print -quit)" ]; then exit 0; fi
mkdir -p "$target/lib" "$target/old" "$target/jobs"
# shellcheck disable=SC2086  # the flags are words
flags="-std=gnu11 -O2 -ffp-contract=off -Wall -Wextra -Werror"
gcc $flags -o "$target/cards" "$source/cards.c" -lpthread
gcc $flags -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$target/lib/libcuda.so.1" "$source/api.c" "$source/checkpoint.c" -lpthread
gcc $flags -shared -fPIC -Wl,-soname,libcuda.so.1 -Wl,--version-script="$source/old.map" -o "$target/old/libcuda.so.1" "$source/api.c" "$source/checkpoint.c" -lpthread
gcc $flags -o "$target/old/cuda-checkpoint" "$source/program.c" "$source/api.c" "$source/checkpoint.c" -lpthread
gcc $flags -shared -fPIC -Wl,-soname,libnvidia-ml.so.1 -o "$target/lib/libnvidia-ml.so.1" "$source/nvml.c"
for job in train refused; do gcc $flags -I"$source" -o "$target/jobs/$job" "$source/jobs/$job.c" "$target/lib/libcuda.so.1"; done
cp "$source"/jobs/*.py "$target/jobs/"
touch "$target/.built"
