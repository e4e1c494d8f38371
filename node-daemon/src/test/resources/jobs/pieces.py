"""Holds 96 MiB of which each page has its own content, but for gaps that were never touched, and checks it in each step.

With an argument it does so in a child; another child has 16 MiB and wants no huge pages, and the parent of both has 8 MiB.
"""
import mmap
import os
import struct
import sys
import time

PAGE = 4096


def take(mebibytes):
    return mmap.mmap(-1, mebibytes << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def page(n):
    return struct.pack("<Q", n * 2654435761) * (PAGE // 8)


def fill(memory, pages):
    for n in pages:
        memory[n * PAGE:(n + 1) * PAGE] = page(n)


def check(memory, pages):
    for n in pages:
        assert memory[n * PAGE:(n + 1) * PAGE] == page(n), n


def hold(memory, pages):
    fill(memory, pages)
    while True:
        check(memory, pages)
        time.sleep(0.1)


if len(sys.argv) > 1:
    small = take(8)
    fill(small, range(8 << 8))
    if os.fork() == 0:
        small.close()
        plain = take(16)
        plain.madvise(mmap.MADV_NOHUGEPAGE)
        hold(plain, range(16 << 8))
    if os.fork() > 0:
        hold(small, range(8 << 8))
    small.close()

pages = 96 << 8
memory = take(96)
# Whole up to 40 MiB, then each second page, then whole, then 7 pages out of 1000 are missing, and of the end all.
filled = [n for n in range(pages - 1000) if (not 10000 <= n < 12000 or n % 2) and (n < 18000 or n % 1000 >= 7)]
fill(memory, filled)
step = 0
while True:
    check(memory, filled)
    print("step", step, flush=True)
    step += 1
    time.sleep(0.02)
