"""Counts through a mapping in the middle of a file of a tebibyte, all else of which is a hole, and checks what it wrote there before."""
import mmap
import os
import time

TEBIBYTE = 1 << 40
PLACES = 4096
EACH = 8192
descriptor = os.open("/scratch/sparse", os.O_RDWR | os.O_CREAT)
os.ftruncate(descriptor, TEBIBYTE)
os.pwrite(descriptor, b"end", TEBIBYTE - 3)
memory = mmap.mmap(descriptor, PLACES * EACH, offset=TEBIBYTE // 2)
step = 0
while True:
    at = step % PLACES * EACH
    memory[at : at + 8] = step.to_bytes(8, "little")
    for before in range(max(0, step - PLACES + 1), step):
        at = before % PLACES * EACH
        assert memory[at : at + 8] == before.to_bytes(8, "little")
    assert os.pread(descriptor, 4, TEBIBYTE - 3) == b"end"
    assert os.pread(descriptor, 4, TEBIBYTE // 4) == bytes(4)
    print("step", step, flush=True)
    step += 1
    time.sleep(0.02)
