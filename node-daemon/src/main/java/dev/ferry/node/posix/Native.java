package dev.ferry.node.posix;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/** Handles of the libc calls that jnr-posix lacks, each with its C signature. */
final class Native {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final StructLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO =
            STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

    /** int socket(int domain, int type, int protocol) */
    static final MethodHandle SOCKET = handle("socket", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));

    /** int bind(int socket, const struct sockaddr *address, socklen_t length) */
    static final MethodHandle BIND = handle("bind", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));

    /** int listen(int socket, int backlog) */
    static final MethodHandle LISTEN = handle("listen", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));

    /** int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags) */
    static final MethodHandle ACCEPT =
            handle("accept4", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, JAVA_INT));

    /** int fcntl(int descriptor, int command, int argument); variadic from the third argument */
    static final MethodHandle FCNTL =
            handle("fcntl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT), Linker.Option.firstVariadicArg(2));

    /** int poll(struct pollfd *descriptors, nfds_t count, int milliseconds) */
    static final MethodHandle POLL = handle("poll", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));

    /** ssize_t recvmsg(int socket, struct msghdr *message, int flags) */
    static final MethodHandle RECVMSG = handle("recvmsg", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT));

    /** int dup3(int from, int to, int flags) */
    static final MethodHandle DUP3 = handle("dup3", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));

    /** int shutdown(int socket, int how) */
    static final MethodHandle SHUTDOWN = handle("shutdown", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));

    /** long syscall(long number, int pid, unsigned flags): pidfd_open */
    static final MethodHandle PIDFD_OPEN =
            handle("syscall", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT), Linker.Option.firstVariadicArg(1));

    /** long syscall(long number, int pidfd, int descriptor, unsigned flags): pidfd_getfd */
    static final MethodHandle PIDFD_GETFD =
            handle("syscall", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT), Linker.Option.firstVariadicArg(1));

    /** long syscall(long number, int folder, const char *path, struct open_how *how, size_t size): openat2 */
    static final MethodHandle OPENAT2 =
            handle("syscall", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG), Linker.Option.firstVariadicArg(1));

    /** off_t lseek(int descriptor, off_t offset, int whence) */
    static final MethodHandle LSEEK = handle("lseek", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));

    /** int fstatfs(int descriptor, struct statfs *buffer) */
    static final MethodHandle FSTATFS = handle("fstatfs", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));

    /** int truncate(const char *path, off_t length) */
    static final MethodHandle TRUNCATE = handle("truncate", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));

    /** int getsockopt(int socket, int level, int name, void *value, socklen_t *length) */
    static final MethodHandle GETSOCKOPT =
            handle("getsockopt", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));

    /** int setsockopt(int socket, int level, int name, const void *value, socklen_t length) */
    static final MethodHandle SETSOCKOPT =
            handle("setsockopt", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));

    /** ssize_t process_vm_readv(pid_t pid, const struct iovec *local, unsigned long count, const struct iovec *remote, unsigned long count, unsigned long flags) */
    static final MethodHandle PROCESS_VM_READV =
            handle("process_vm_readv", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG));

    /** int mknod(const char *path, mode_t mode, dev_t device) */
    static final MethodHandle MKNOD = handle("mknod", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_LONG));

    /** int memfd_create(const char *name, unsigned flags) */
    static final MethodHandle MEMFD_CREATE = handle("memfd_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));

    /** ssize_t readlink(const char *path, char *target, size_t size) */
    static final MethodHandle READLINK = handle("readlink", FunctionDescriptor.of(JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG));

    /** int symlink(const char *target, const char *path) */
    static final MethodHandle SYMLINK = handle("symlink", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    /** int clock_gettime(clockid_t clock, struct timespec *time) */
    static final MethodHandle CLOCK_GETTIME = handle("clock_gettime", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));

    /** long syscall(long number, int command, union bpf_attr *attributes, unsigned size): bpf */
    static final MethodHandle BPF =
            handle("syscall", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT), Linker.Option.firstVariadicArg(1));

    /** void *mmap(void *address, size_t bytes, int protection, int flags, int descriptor, off_t offset); no address of a process is negative */
    static final MethodHandle MMAP =
            handle("mmap", FunctionDescriptor.of(JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));

    /** int madvise(void *address, size_t bytes, int advice) */
    static final MethodHandle MADVISE = handle("madvise", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));

    /** Its number is older than the ones that all architectures share. */
    static final long SYS_BPF = System.getProperty("os.arch").equals("amd64") ? 321 : 280;

    private Native() {}

    private static MethodHandle handle(String name, FunctionDescriptor signature, Linker.Option... options) {
        Linker.Option[] all = new Linker.Option[options.length + 1];
        all[0] = Linker.Option.captureCallState("errno");
        System.arraycopy(options, 0, all, 1, options.length);
        return LINKER.downcallHandle(LINKER.defaultLookup().find(name).orElseThrow(), signature, all);
    }

    /** A call with the place where its errno goes as first argument. */
    interface Call {
        long make(MemorySegment state, Arena arena) throws Throwable;
    }

    /** Makes a call; a negative result is an error. */
    static long check(String name, Call call) throws PosixException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            long result = call.make(state, arena);
            if (result < 0) {
                throw new PosixException(name, (int) ERRNO.get(state, 0L));
            }
            return result;
        } catch (PosixException failed) {
            throw failed;
        } catch (Throwable impossible) {
            throw new IllegalStateException(name, impossible);
        }
    }
}
