"""Holds the one thing that its argument names, checks it at each step, and counts. See SupportIT."""
import array
import ctypes
import fcntl
import mmap
import multiprocessing.shared_memory
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

FEATURES = {}
SCRATCH = "/scratch/"
SO_MAX_PACING_RATE = 47  # socket(7); Python has no name for it
libc = ctypes.CDLL(None, use_errno=True)


def feature(function):
    """A feature is a generator: it prepares up to its first yield and checks before each later one."""
    FEATURES[function.__name__] = function
    return function


def ok(condition, *what):
    if not condition:
        raise AssertionError(what)


@feature
def open_file():
    file = open(SCRATCH + "data", "w+b")
    file.write(b"0123456789")
    file.seek(3)
    while True:
        yield
        ok(file.tell() == 3 and file.read(2) == b"34", "offset or content")
        file.seek(3)


@feature
def appended_file():
    count = 0
    with open(SCRATCH + "data", "a", buffering=1) as file:
        while True:
            file.write("%d\n" % count)
            count += 1
            yield
            ok(open(SCRATCH + "data").read() == "".join("%d\n" % n for n in range(count)))


@feature
def deleted_file():
    file = open(SCRATCH + "data", "w+")
    file.write("ghost")
    file.flush()
    os.unlink(SCRATCH + "data")
    while True:
        yield
        file.seek(0)
        ok(file.read() == "ghost" and os.fstat(file.fileno()).st_nlink == 0)


@feature
def large_deleted_file():
    file = open(SCRATCH + "data", "w+b")
    for _ in range(64):
        file.write(os.urandom(1 << 20))
    file.flush()
    os.unlink(SCRATCH + "data")
    while True:
        yield


@feature
def mapped_file():
    with open(SCRATCH + "data", "wb") as file:
        file.write(bytes(8192))
    file = open(SCRATCH + "data", "r+b")
    memory = mmap.mmap(file.fileno(), 8192)
    step = 0
    while True:
        memory[4096:4104] = struct.pack("<q", step)
        yield
        ok(struct.unpack("<q", memory[4096:4104])[0] == step, "mapping")
        ok(struct.unpack("<q", os.pread(file.fileno(), 8, 4096))[0] == step, "file behind the mapping")
        step += 1


@feature
def flock():
    file = open(SCRATCH + "lock", "w")
    fcntl.flock(file, fcntl.LOCK_EX)
    while True:
        yield
        other = open(SCRATCH + "lock")
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ok(False, "lock lost")
        except BlockingIOError:
            other.close()


@feature
def posix_lock():
    file = open(SCRATCH + "lock", "w")
    fcntl.lockf(file, fcntl.LOCK_EX)
    while True:
        yield
        pid = os.fork()
        if pid == 0:
            try:
                fcntl.lockf(open(SCRATCH + "lock", "w"), fcntl.LOCK_EX | fcntl.LOCK_NB)
                os._exit(1)
            except BlockingIOError:
                os._exit(0)
        ok(os.waitpid(pid, 0)[1] == 0, "lock lost")


@feature
def pipe_with_data():
    reader, writer = os.pipe()
    os.write(writer, b"abc")
    while True:
        yield
        ok(os.read(reader, 3) == b"abc")
        os.write(writer, b"abc")


@feature
def fifo():
    os.mkfifo(SCRATCH + "fifo")
    both = os.open(SCRATCH + "fifo", os.O_RDWR)
    os.write(both, b"abc")
    while True:
        yield
        ok(os.read(both, 3) == b"abc")
        os.write(both, b"abc")


@feature
def unix_socket_pair():
    one, other = socket.socketpair()
    one.send(b"abc")
    while True:
        yield
        ok(other.recv(3) == b"abc")
        one.send(b"abc")


@feature
def unix_socket_with_a_name():
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(SCRATCH + "socket")
    listening.listen(4)
    while True:
        yield
        client = socket.socket(socket.AF_UNIX)
        client.connect(SCRATCH + "socket")
        accepted = listening.accept()[0]
        client.send(b"x")
        ok(accepted.recv(1) == b"x")
        client.close()
        accepted.close()


def connected(family, address):
    listening = socket.socket(family)
    listening.bind((address, 0))
    listening.listen(1)
    client = socket.socket(family)
    client.connect(listening.getsockname())
    accepted = listening.accept()[0]
    client.send(b"in flight")
    while True:
        yield
        ok(accepted.recv(9) == b"in flight")
        accepted.send(b"back")
        ok(client.recv(4) == b"back")
        client.send(b"in flight")


@feature
def tcp_connection():
    return connected(socket.AF_INET, "127.0.0.1")


@feature
def tcp_connection_over_ipv6():
    return connected(socket.AF_INET6, "::1")


@feature
def tcp_data_not_sent():
    """The kernel paces the sender: of two messages the second waits in its queue, for half a second at least."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(1)
    client = socket.create_connection(listening.getsockname())
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    accepted = listening.accept()[0]
    for _ in range(16):  # the kernel does not pace a connection's first ten segments
        client.send(b"x")
        ok(accepted.recv(1) == b"x")
    while True:
        client.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, 40)
        client.send(b"a" * 40)
        client.send(b"b" * 40)
        yield
        message = b""
        while len(message) < 80:
            message += accepted.recv(80 - len(message))
        ok(message == b"a" * 40 + b"b" * 40, message)


class Stream:
    """One end of a connection on which there is always something to send, slowly; what comes must be the other end's bytes, in order and without a gap."""

    PATTERN = bytes(range(251)) * 300

    def __init__(self, end):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        end.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, 30000)
        end.setblocking(False)
        self.end = end
        self.sent = 0
        self.got = 0

    def send(self):
        try:
            while True:
                at = self.sent % 251
                self.sent += self.end.send(self.PATTERN[at:at + 1024])
        except BlockingIOError:
            pass

    def receive(self):
        ok(select.select([self.end], [], [], 60)[0], "a connection stands still", self.got)
        piece = self.end.recv(1 << 16)
        ok(piece)
        at = self.got % 251
        ok(piece == self.PATTERN[at:at + len(piece)], "a gap", self.got)
        self.got += len(piece)


@feature
def tcp_data_being_sent():
    """Slow streams between two processes: the memory of one is written between the looks at the two ends, and the kernel's timers go on."""
    listening = socket.socket()
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 88)  # small segments, so that there is always one to be sent soon
    listening.bind(("127.0.0.1", 0))
    listening.listen(32)
    child = os.fork() == 0
    ends = []
    for _ in range(32):
        if child:
            ends.append(socket.socket())
            ends[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 88)
            ends[-1].connect(listening.getsockname())
            time.sleep(0.003)  # so that not all of them send at the same moment
        else:
            ends.append(listening.accept()[0])
    streams = [Stream(end) for end in ends]
    ballast = [os.urandom(1 << 20) for _ in range(96)]
    while ballast:
        for stream in streams:
            stream.send()
        for stream in streams:
            stream.receive()
        if not child:
            yield


@feature
def udp_socket():
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(("127.0.0.1", 0))
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    while True:
        yield
        other.sendto(b"abc", one.getsockname())
        ok(one.recv(3) == b"abc")


@feature
def epoll():
    reader, writer = os.pipe()
    poll = select.epoll()
    poll.register(reader, select.EPOLLIN)
    while True:
        yield
        ok(poll.poll(0) == [])
        os.write(writer, b"x")
        ok(poll.poll(1) == [(reader, select.EPOLLIN)])
        os.read(reader, 1)


@feature
def eventfd():
    event = os.eventfd(0)
    os.eventfd_write(event, 7)
    while True:
        yield
        ok(os.eventfd_read(event) == 7)
        os.eventfd_write(event, 7)


def started_timerfd(first, period):
    timer = libc.timerfd_create(1, 0)
    ok(libc.timerfd_settime(timer, 0, struct.pack("qqqq", *divmod(period, 10**9), *divmod(first, 10**9)), None) == 0)
    return timer


@feature
def timerfd():
    timer = started_timerfd(3600 * 10**9, 3600 * 10**9)
    left = (ctypes.c_long * 4)()
    while True:
        yield
        ok(libc.timerfd_gettime(timer, left) == 0 and list(left)[:2] == [3600, 0] and 3500 < left[2] < 3600, list(left))


@feature
def timerfd_that_fired():
    timer = started_timerfd(10**7, 10**7)
    while True:
        yield
        ok(struct.unpack("Q", os.read(timer, 8))[0] >= 1)


@feature
def signalfd():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    mask = array.array("Q", [1 << (signal.SIGUSR1 - 1)])
    fd = libc.signalfd(-1, (ctypes.c_char * 128).from_buffer_copy(mask.tobytes() + bytes(120)), 0)
    os.kill(os.getpid(), signal.SIGUSR1)
    while True:
        yield
        ok(struct.unpack("I", os.read(fd, 128)[:4])[0] == signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)


@feature
def inotify():
    watch = libc.inotify_init1(os.O_NONBLOCK)
    os.mkdir(SCRATCH + "watched")
    ok(libc.inotify_add_watch(watch, (SCRATCH + "watched").encode(), 0x100) > 0)
    step = 0
    while True:
        yield
        # What is in the queue is lost if the dump comes between the two; the watch itself is not.
        for again in range(3):
            name = "%d.%d" % (step, again)
            open(SCRATCH + "watched/" + name, "w").close()
            try:
                ok(name.encode() + b"\0" in os.read(watch, 4096))
                break
            except BlockingIOError:
                ok(again < 2)
        step += 1


@feature
def interval_timer():
    ticks = []
    signal.signal(signal.SIGALRM, lambda *_: ticks.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    while True:
        yield
        before = len(ticks)
        while len(ticks) == before:
            signal.sigtimedwait([], 0.05)


@feature
def threads():
    counts = [0] * 8

    def work(number):
        while True:
            counts[number] += 1
            time.sleep(0.001)

    for number in range(8):
        threading.Thread(target=work, args=(number,), daemon=True).start()
    while True:
        before = list(counts)
        yield
        time.sleep(0.05)
        ok(all(now > then for now, then in zip(counts, before)), counts)


@feature
def child_processes():
    children = [subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)]
    while True:
        yield
        for child in children:
            child.stdin.write(b"line\n")
            child.stdin.flush()
            ok(child.stdout.readline() == b"line\n")


@feature
def zombie():
    pid = os.fork()
    if pid == 0:
        os._exit(3)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    while True:
        yield
        state = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        ok(state.si_status == 3)


@feature
def stopped_child():
    pid = os.fork()
    if pid == 0:
        while True:
            time.sleep(1)
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)
    while True:
        yield
        # It is stopped again a moment after the others run again.
        end = time.monotonic() + 2
        while open("/proc/%d/stat" % pid).read().split()[2] != "T":
            ok(time.monotonic() < end, "runs")
            time.sleep(0.001)


@feature
def session_and_process_group():
    leader = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        while True:
            time.sleep(1)
    time.sleep(0.1)
    while True:
        yield
        ok(os.getsid(pid) == pid and os.getpgid(pid) == pid and os.getpgid(0) == os.getpgid(leader))


@feature
def shared_memory_between_processes():
    memory = mmap.mmap(-1, 4096)
    pid = os.fork()
    if pid == 0:
        while True:
            if memory[0] == 1:
                memory[0] = 2
            time.sleep(0.001)
    while True:
        yield
        memory[0] = 1
        while memory[0] != 2:
            time.sleep(0.001)


@feature
def system_v_shared_memory():
    segment = libc.shmget(77, 4096, 0o1600)
    libc.shmat.restype = ctypes.c_void_p
    address = libc.shmat(segment, None, 0)
    ctypes.memset(address, 7, 4096)
    while True:
        yield
        ok(libc.shmget(77, 4096, 0) == segment)
        ok(ctypes.string_at(address, 4096) == b"\7" * 4096)


@feature
def posix_shared_memory():
    memory = multiprocessing.shared_memory.SharedMemory(create=True, size=4096)
    memory.buf[0] = 9
    while True:
        yield
        other = multiprocessing.shared_memory.SharedMemory(name=memory.name)
        ok(other.buf[0] == 9)
        other.close()


@feature
def memfd():
    fd = os.memfd_create("memory", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, b"content")
    fcntl.fcntl(fd, 1033, 2)
    while True:
        yield
        ok(os.pread(fd, 9, 0) == b"content")
        ok(fcntl.fcntl(fd, 1034) & 2 == 2, "seal")


@feature
def pseudo_terminal():
    master, slave = os.openpty()
    attributes = termios.tcgetattr(slave)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    while True:
        yield
        ok(termios.tcgetattr(slave)[3] & termios.ECHO == 0)
        os.write(slave, b"abc")
        ok(os.read(master, 3) == b"abc")


@feature
def large_memory():
    memory = bytearray(os.urandom(1 << 20) * 200)
    total = sum(memory[::4096])
    while True:
        yield
        ok(sum(memory[::4096]) == total)


@feature
def other_user():
    while True:
        yield
        ok(os.getuid() == 1234 and os.getgid() == 1234)
        open(SCRATCH + "mine", "w").close()


@feature
def file_of_a_mount():
    file = open("/mounted/file", "r")
    while True:
        yield
        file.seek(0)
        ok(file.read() == "from outside")


@feature
def io_uring():
    """Refused when it is asked for, so that the program takes another way, and can be saved."""
    while True:
        ok(libc.syscall(425, 8, bytes(256)) == -1 and ctypes.get_errno() == 38)
        yield


@feature
def vsock():
    hypervisor = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    while True:
        yield
        hypervisor.fileno()


held = FEATURES[sys.argv[1]]()
next(held)
step = 0
while True:
    print("step", step, flush=True)
    step += 1
    time.sleep(0.02)
    next(held)
