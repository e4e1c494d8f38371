"""The job that `ferry bench` and its tests move: memory of known content, written to at a known rate.

usage: workload.py MEBIBYTES DIRTY_KIBIBYTES_PER_SECOND [SEED]

Half of the memory is noise, a fifth zeros, the rest text. A window of one eighth, in the noise, is written
to in order, page by page; each page holds its number and its generation, so that a page that is older or
newer than it must be, torn, or another's is found. Every step of 50 ms prints one line:

step N pages P work W

P pages were written so far, W units of work were done in the step: what a copy beside costs the job shows in W.
A page that is not what it must be ends the program with status 3. SIGUSR1 lets it write to a hundredth of its memory at once.
"""
import mmap
import random
import signal
import struct
import sys
import time
import zlib

PAGE = 4096
STEP = 0.05
UNIT = bytes(64 << 10)

mebibytes = int(sys.argv[1])
dirty_rate = int(sys.argv[2])
noise = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)

size = mebibytes << 20
memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
half = size // 2
fifth = size // 5 // PAGE * PAGE
for at in range(0, half, 1 << 20):
    memory[at:at + (1 << 20)] = noise.randbytes(1 << 20)
for at in range(half, half + fifth, PAGE):
    memory[at] = 0
line = 0
at = half + fifth
while at < size:
    text = b"".join(b"%09d the quick brown fox jumps over the lazy dog, and job %d runs on\n" % (line + i, line % 97) for i in range(1024))
    line += 1024
    end = min(size, at + len(text))
    memory[at:end] = text[:end - at]
    at = end

pages = max(1, size // 8 // PAGE)
generations = [0] * pages
still = {at: zlib.crc32(memory[at:at + PAGE]) for at in (noise.randrange(pages, size // PAGE) * PAGE for _ in range(256))}


def content(page):
    head = struct.pack("<QQ", page, generations[page])
    return head * 16 + memory[half - PAGE:half - 256] if size >= 2 << 20 else head * (PAGE // 16)


def check(page):
    if memory[page * PAGE:page * PAGE + 256] != struct.pack("<QQ", page, generations[page]) * 16:
        print("page", page, "is not that of generation", generations[page], flush=True)
        sys.exit(3)


asked = 0


def change_one_percent(*_):
    global asked
    asked += size // 100 // PAGE


signal.signal(signal.SIGUSR1, change_one_percent)
step = 0
written = 0
due = 0.0
checks = random.Random(2)
while True:
    begin = time.monotonic()
    due += dirty_rate * 1024 * STEP / PAGE + asked
    asked = 0
    while due >= 1:
        page = written % pages
        generations[page] += 1
        memory[page * PAGE:(page + 1) * PAGE] = content(page)
        written += 1
        due -= 1
    for _ in range(16):
        page = checks.randrange(pages)
        if generations[page]:
            check(page)
    at = checks.choice(list(still))
    if zlib.crc32(memory[at:at + PAGE]) != still[at]:
        print("page", at // PAGE, "has changed by itself", flush=True)
        sys.exit(3)
    work = 0
    while time.monotonic() - begin < STEP / 2:
        zlib.crc32(UNIT)
        work += 1
    print("step", step, "pages", written, "work", work, flush=True)
    step += 1
    time.sleep(max(0.0, begin + STEP - time.monotonic()))
