"""Counts into a file and into the log. Argument: MiB of memory that is filled and checked."""
import sys
import time

mebibytes = int(sys.argv[1]) if len(sys.argv) > 1 else 0
memory = bytearray(b"ferrybus" * (mebibytes << 17))
total = sum(memory[::4096])
step = 0
with open("/scratch/count", "a") as count:
    while True:
        assert sum(memory[::4096]) == total
        count.write("%d\n" % step)
        count.flush()
        print("step", step, flush=True)
        step += 1
        time.sleep(0.02)
