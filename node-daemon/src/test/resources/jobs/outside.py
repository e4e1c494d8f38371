"""Holds a lock, a socket and an open file in a folder from outside, and counts into that file and the log."""
import fcntl
import os
import socket
import time

lock = open("/outside/lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
try:
    os.unlink("/outside/socket")
except FileNotFoundError:
    pass
server = socket.socket(socket.AF_UNIX)
server.bind("/outside/socket")
server.listen()
count = open("/outside/count", "a")
step = 0
while True:
    count.write("step %d\n" % step)
    count.flush()
    print("step", step, flush=True)
    step += 1
    time.sleep(0.02)
