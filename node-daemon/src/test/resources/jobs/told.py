"""Counts into its log, and writes there what its file says; answers 'freeze' unless its argument is 'silent'."""
import os
import signal
import sys
import time

FILE = "/scratch/ferry"
SEEN = "/scratch/told"
signals = 0


def signalled(number, frame):
    global signals
    signals += 1


signal.signal(signal.SIGUSR1, signalled)
said = None
step = 0
while True:
    print("step", step, flush=True)
    step += 1
    try:
        with open(FILE) as file:
            now = file.read().strip()
    except FileNotFoundError:
        now = None
    if now is not None and now != said and now != "ready":
        with open(SEEN, "a") as seen:
            seen.write(now + "\n")
        if now == "freeze" and sys.argv[1:] != ["silent"]:
            with open(FILE, "w") as file:
                file.write("ready\n")
    said = now
    with open("/scratch/signals", "w") as counted:
        counted.write("%d\n" % signals)
    time.sleep(0.02)
