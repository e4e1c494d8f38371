"""Writes each of its steps with its time to a witness outside the cluster: witness.py FILE

The file is opened for each step, so that no image holds it open. The wall clock is the only one that a restored job shares with its
machine: CRIU gives it a time namespace in which the others go on from where they stood.
"""
import os
import sys
import time

PAUSE_SECONDS = 0.01
step = 0
while True:
    line = f"{step} {time.time_ns()}\n"
    file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(file, line.encode())
    os.close(file)
    if step % 10 == 0:
        print(f"step {step}", flush=True)
    step += 1
    time.sleep(PAUSE_SECONDS)
