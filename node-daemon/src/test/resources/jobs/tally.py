"""Works on its memory and says what came out: the same whoever interrupts it. Arguments: MiB, steps, milliseconds that each step waits."""
import hashlib
import sys
import time

mebibytes, steps, pause = (int(argument) for argument in sys.argv[1:4])
memory = bytearray()
for _ in range(mebibytes):
    memory += b"ferrybus" * (1 << 17)
digest = b"begin"
for step in range(steps):
    at = int.from_bytes(digest[:4], "big") % (len(memory) - 4096)
    digest = hashlib.sha256(digest + memory[at : at + 4096]).digest()
    memory[at : at + len(digest)] = digest
    print("step", step, flush=True)
    time.sleep(pause / 1000)
print("result", digest.hex(), flush=True)
