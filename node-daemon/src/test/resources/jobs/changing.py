"""Holds 96 MiB of which each page has its own content, writes a few of them in each step, and gives some back to the system and writes 13 MiB anew when /scratch/give-back is there; checks all of it in each step.

With an argument a child does so, which has a mapping in common with its parent.
"""
import mmap
import os
import struct
import sys
import time

PAGE = 4096
PAGES = 96 << 8
GIVEN_BACK = range(3000, 3600)
ANEW = range(12100, 15500)


def take(pages):
    return mmap.mmap(-1, pages * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def page(n, version):
    return struct.pack("<Q", n * 2654435761 + version * 7919 + 1) * (PAGE // 8)


if len(sys.argv) > 1:
    common = take(16 << 8)
    for n in range(16 << 8):
        common[n * PAGE:(n + 1) * PAGE] = page(n, 0)
    if os.fork() > 0:
        while True:
            for n in range(16 << 8):
                assert common[n * PAGE:(n + 1) * PAGE] == page(n, 0), n
            time.sleep(0.1)

memory = take(PAGES)
versions = [0] * PAGES
# Nothing was ever written to the last ones, nor to some in the middle.
there = [n for n in range(PAGES - 1000) if not 9000 <= n < 9900]
for n in there:
    memory[n * PAGE:(n + 1) * PAGE] = page(n, 0)
step = 0
while True:
    for n in range(PAGES):
        expected = page(n, versions[n]) if versions[n] >= 0 and n in range(PAGES - 1000) and not 9000 <= n < 9900 else bytes(PAGE)
        assert memory[n * PAGE:(n + 1) * PAGE] == expected, (step, n)
    print("step", step, flush=True)
    step += 1
    for k in range(3):
        n = there[(step * 7919 + k * 4001) % len(there)]
        if versions[n] >= 0:
            versions[n] += 1
            memory[n * PAGE:(n + 1) * PAGE] = page(n, versions[n])
    if versions[GIVEN_BACK[0]] >= 0 and os.path.exists("/scratch/give-back"):
        memory.madvise(mmap.MADV_DONTNEED, GIVEN_BACK[0] * PAGE, len(GIVEN_BACK) * PAGE)
        for n in GIVEN_BACK:
            versions[n] = -1
        for n in ANEW:
            versions[n] += 1
            memory[n * PAGE:(n + 1) * PAGE] = page(n, versions[n])
        print("given back", flush=True)
