"""Holds 96 MiB of which each page has its own content, but for gaps that were never touched, and checks it in each step."""
import mmap
import struct
import time

PAGE = 4096
PAGES = 96 << 8
memory = mmap.mmap(-1, PAGES * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
# Whole up to 40 MiB, then each second page, then whole, then 7 pages out of 1000 are missing, and of the end all.
filled = [n for n in range(PAGES - 1000) if (not 10000 <= n < 12000 or n % 2) and (n < 18000 or n % 1000 >= 7)]
for n in filled:
    memory[n * PAGE:(n + 1) * PAGE] = struct.pack("<Q", n * 2654435761) * (PAGE // 8)
step = 0
while True:
    for n in filled:
        assert memory[n * PAGE:(n + 1) * PAGE] == struct.pack("<Q", n * 2654435761) * (PAGE // 8), n
    print("step", step, flush=True)
    step += 1
    time.sleep(0.02)
