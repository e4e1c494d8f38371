"""Holds one of everything that must survive a move, checks it all at each step, and counts.

4 processes, 8 threads in each child, TCP and unix sockets, a memfd, a shared mapping, a deleted
open file, a file lock, a fifo, a zombie. Arguments: MiB of memory that can't be compressed, spread over
the processes; "shared" to have all of it before the forks instead, seen by each process.
"""
import fcntl
import mmap
import os
import socket
import sys
import threading
import time
import zlib

PORT = 4321
CHILDREN = 3
PARTS = 128
STOOD_STILL = 0.25


class Memory:
    """Some MiB of noise, a part of which is checked at a time, and all of it after the job stood still, also if it did so in the middle of a check: by the wall clock, for which time goes on while the job
    does not exist."""

    def __init__(self, mebibytes):
        self.pieces = [os.urandom(1 << 20) for _ in range(mebibytes)]
        self.sums = [zlib.crc32(piece) for piece in self.pieces]
        self.looked = time.time()

    def stood_still(self):
        before, self.looked = self.looked, time.time()
        return self.looked - before > STOOD_STILL

    def check(self, step):
        pieces = range(step % PARTS, len(self.pieces), PARTS)
        while pieces is not None:
            again = self.stood_still()
            for piece in pieces:
                assert zlib.crc32(self.pieces[piece]) == self.sums[piece], ("memory", piece)
                again |= self.stood_still()
            pieces = range(len(self.pieces)) if again else None


mebibytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1
inherited = Memory(mebibytes if "shared" in sys.argv else 0)
own_mebibytes = 0 if "shared" in sys.argv else mebibytes // (CHILDREN + 1)
shared = mmap.mmap(-1, 4096)
memfd = os.memfd_create("memfd")
os.write(memfd, b"memfd content")
ghost = open("/tmp/ghost", "w+")
ghost.write("ghost!")
ghost.flush()
os.unlink("/tmp/ghost")
lock = open("/scratch/lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
os.mkfifo("/scratch/fifo")
fifo = os.open("/scratch/fifo", os.O_RDWR)
listening = socket.socket(socket.AF_UNIX)
listening.bind("/scratch/sock")
listening.listen(1)
server = socket.socket()
server.bind(("127.0.0.1", PORT))
server.listen(CHILDREN)


def retry(call, *arguments):
    """A restore may interrupt a system call, as SIGSTOP and SIGCONT do."""
    while True:
        try:
            return call(*arguments)
        except InterruptedError:
            continue


def child():
    own = Memory(own_mebibytes)
    for _ in range(7):
        threading.Thread(target=lambda: [time.sleep(0.1) for _ in iter(int, 1)], daemon=True).start()
    peer = socket.create_connection(("127.0.0.1", PORT))
    number = 0
    while True:
        own.check(number)
        inherited.check(number)
        retry(peer.sendall, b"%08d" % number)
        number += 1
        time.sleep(0.05)


children = []
for _ in range(CHILDREN):
    pid = os.fork()
    if pid == 0:
        child()
    children.append(pid)
if os.fork() == 0:
    os._exit(3)

own = Memory(own_mebibytes)
peers = [retry(server.accept)[0] for _ in children]
step = 0
with open("/scratch/count", "a") as count:
    while True:
        for peer in peers:
            message = b""
            while len(message) < 8:
                message += retry(peer.recv, 8 - len(message))
            assert int(message) == step, (message, step)
        if step:
            assert shared[0:8] == b"%08d" % (step - 1)
        shared[0:8] = b"%08d" % step
        ghost.seek(0)
        assert ghost.read() == "ghost!"
        assert os.pread(memfd, 99, 0) == b"memfd content"
        own.check(step)
        inherited.check(step)
        assert open("/proc/locks").read().count("FLOCK") >= 1
        os.write(fifo, b"x")
        assert os.read(fifo, 1) == b"x"
        count.write("%d\n" % step)
        count.flush()
        print("step", step, flush=True)
        step += 1
