"""Counts into a file and into the log. Argument: MiB of memory that is filled and checked, in huge pages where there are: all of it in each step, or of more
than 128 MiB a part, and all after the job stood still.

Memory in small pages is what rich.py has.
"""
import mmap
import sys
import time

MEBIBYTE = 1 << 20
IN_A_STEP = 128
# The wall clock: time goes on for it while the job does not exist.
STOOD_STILL = 0.1
PATTERN = b"ferrybus" * (MEBIBYTE // 8)

mebibytes = int(sys.argv[1]) if len(sys.argv) > 1 else 0
memory = None
if mebibytes:
    memory = mmap.mmap(-1, mebibytes * MEBIBYTE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        memory.madvise(mmap.MADV_HUGEPAGE)
    except OSError:
        pass  # This kernel has none.
    for piece in range(mebibytes):
        memory[piece * MEBIBYTE : (piece + 1) * MEBIBYTE] = PATTERN
one_of_each_page = PATTERN[::4096]


def check(pieces):
    for piece in pieces:
        assert memory[piece * MEBIBYTE : (piece + 1) * MEBIBYTE : 4096] == one_of_each_page, ("memory", piece)


step = 0
looked = time.time()
parts = max(1, -(-mebibytes // IN_A_STEP))
with open("/scratch/count", "a") as count:
    while True:
        now = time.time()
        check(range(mebibytes) if now - looked > STOOD_STILL else range(step % parts, mebibytes, parts))
        looked = now
        count.write("%d\n" % step)
        count.flush()
        print("step", step, flush=True)
        step += 1
        time.sleep(0.02)
