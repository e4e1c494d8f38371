"""The job that `ferry bench` and its tests move: memory of known content, written to at a known rate.

usage: workload.py MEBIBYTES DIRTY_KIBIBYTES_PER_SECOND [SEED [PROCESSES]]

Jobs of one seed hold the same, those of two seeds share only zeros. Memory and rate are those of all processes
together: each has its part, and all but the first only look after theirs, once a second.

Half of the memory is noise, a fifth zeros, the rest text. A window of one eighth, in the noise, is written
to in order, page by page; each page holds its number and its generation, so that a page that is older or
newer than it must be, torn, or another's is found. Every step of 50 ms prints one line:

step N pages P work W

P pages were written so far, W units of work were done in the step: what a copy beside costs the job shows in W.
A page that is not what it must be, in any process, ends the program with status 3. SIGUSR1 lets it write to a hundredth of its memory at once.
"""
import os
import sys

seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
processes = int(sys.argv[4]) if len(sys.argv) > 4 else 1
# Before anything else is loaded: what an interpreter has by itself is in the image once for each process.
number = 0
parent = os.getpid()
filled, fill = os.pipe()
for other in range(1, processes):
    if os.fork() == 0:
        number = other
        break

import mmap
import random
import signal
import struct
import time
import zlib

PAGE = 4096
STEP = 0.05 if number == 0 else 1.0
UNIT = bytes(64 << 10)

dirty_rate = int(sys.argv[2]) / processes
noise = random.Random(seed * 1000 + number)

size = (int(sys.argv[1]) << 20) // processes // PAGE * PAGE
memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
half = size // 2
fifth = size // 5 // PAGE * PAGE
for at in range(0, half, 1 << 20):
    some = min(1 << 20, half - at)
    memory[at:at + some] = noise.randbytes(some)
for at in range(half, half + fifth, PAGE):
    memory[at] = 0
line = 0
at = half + fifth
while at < size:
    text = b"".join(b"%09d the quick brown fox jumps over the lazy dog, and job %d runs on\n" % (line + i, seed * 1000 + number) for i in range(1024))
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
        os._exit(3)


asked = 0


def change_one_percent(*_):
    global asked
    asked += size // 100 // PAGE


def another_ended(*_):
    print("another process has ended", flush=True)
    os._exit(3)


signal.signal(signal.SIGUSR1, change_one_percent)
if number == 0:
    signal.signal(signal.SIGCHLD, another_ended)
    waits = processes - 1
    while waits:
        waits -= len(os.read(filled, waits))
else:
    os.write(fill, b"x")
os.close(filled)
os.close(fill)
step = 0
written = 0
due = 0.0
checks = random.Random(2)
while True:
    begin = time.monotonic()
    if number > 0 and os.getppid() != parent:
        os._exit(0)
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
        os._exit(3)
    work = 0
    while number == 0 and time.monotonic() - begin < STEP / 2:
        zlib.crc32(UNIT)
        work += 1
    if number == 0:
        print("step", step, "pages", written, "work", work, flush=True)
    step += 1
    time.sleep(max(0.0, begin + STEP - time.monotonic()))
