#!/bin/sh
# Builds ferry-init, ferry-network, ferry-watchdog, ferry-gpu, ferry-gpu-check, libferry-clock.so and libferry-pages.so into a folder, unless they are there and newer than their sources.
set -eu
source=$(dirname "$0")
target=$1
mkdir -p "$target"
for program in ferry-init ferry-network ferry-watchdog; do
    if [ ! "$target/$program" -nt "$source/$program.c" ] || [ ! "$target/$program" -nt "$source/ferry-mounts.h" ] || [ ! "$target/$program" -nt "$source/ferry-adopt.h" ]; then
        gcc -O2 -Wall -Wextra -Werror -static -s -o "$target/$program" "$source/$program.c"
    fi
done
# Not static: it loads the driver's libraries.
for part in ferry-gpu.c ferry-gpu-driver.c ferry-gpu-events.c ferry-gpu.h; do
    if [ ! "$target/ferry-gpu" -nt "$source/$part" ]; then
        gcc -O2 -Wall -Wextra -Werror -s -o "$target/ferry-gpu" "$source/ferry-gpu.c" "$source/ferry-gpu-driver.c" "$source/ferry-gpu-events.c" -ldl -lpthread
        break
    fi
done
if [ ! "$target/ferry-gpu-check" -nt "$source/ferry-gpu-check.c" ]; then
    gcc -O2 -Wall -Wextra -Werror -s -o "$target/ferry-gpu-check" "$source/ferry-gpu-check.c" -ldl
fi
if [ ! "$target/libferry-clock.so" -nt "$source/ferry-clock.c" ]; then
    gcc -O2 -Wall -Wextra -Werror -fPIC -shared -s -o "$target/libferry-clock.so" "$source/ferry-clock.c" -ldl
fi
for part in ferry-pages.c ferry-ahead.c ferry-ahead.h; do
    if [ ! "$target/libferry-pages.so" -nt "$source/$part" ]; then
        gcc -O2 -Wall -Wextra -Werror -fPIC -fvisibility=hidden -shared -s -o "$target/libferry-pages.so" "$source/ferry-pages.c" "$source/ferry-ahead.c"
        break
    fi
done
