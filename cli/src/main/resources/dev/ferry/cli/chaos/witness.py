"""Writes each of its steps with its time to a witness outside the cluster: witness.py FILE [MEBIBYTES]

The file is opened for each step, so that no image holds it open. Each line has 32 bytes, so that none lies in two pages: a process that is
killed in its write stops between two pages, and half a line would join the first line of the next life. The wall clock is the only one that a restored job shares with its
machine: CRIU gives it a time namespace in which the others go on from where they stood. MEBIBYTES of memory of known content are looked
at, one page a step; a page that is not what it was ends the job with status 3. A number is made from all steps so far; when FILE.end is
there, the job writes its last step and that number to FILE.result and ends.
"""
import os
import random
import sys
import time

PAUSE_SECONDS = 0.01
PAGE = 4096

mebibytes = int(sys.argv[2]) if len(sys.argv) > 2 else 0
# Piece by piece: it is never there twice.
memory = bytearray(mebibytes << 20)
source = random.Random(1)
for piece in range(mebibytes):
    memory[piece << 20 : (piece + 1) << 20] = source.randbytes(1 << 20)
pages = len(memory) // PAGE
for page in range(pages):
    memory[page * PAGE : page * PAGE + 8] = page.to_bytes(8, "big")
step = 0
made = 0
while True:
    if pages:
        page = step * 7919 % pages
        found = int.from_bytes(memory[page * PAGE : page * PAGE + 8], "big")
        if found != page:
            print(f"page {page} holds {found} at step {step}", flush=True)
            sys.exit(3)
    line = f"{step:011d} {time.time_ns():019d}\n"
    file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(file, line.encode())
    os.close(file)
    made = (made * 6364136223846793005 + step + 1442695040888963407) % (1 << 64)
    if os.path.exists(sys.argv[1] + ".end"):
        with open(sys.argv[1] + ".result", "w") as result:
            result.write(f"{step} {made:016x}")
        sys.exit(0)
    if step % 10 == 0:
        print(f"step {step}", flush=True)
    step += 1
    time.sleep(PAUSE_SECONDS)
