"""Holds something open that CRIU can't save, and counts."""
import socket
import time

hypervisor = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
step = 0
while True:
    print("step", step, flush=True)
    step += 1
    time.sleep(0.05)
