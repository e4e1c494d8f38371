package dev.ferry.node.posix;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import jnr.constants.platform.Errno;

/**
 * The kernel's programs that say for a v2 control group which devices its processes may open and make (BPF_PROG_TYPE_CGROUP_DEVICE). Of several
 * that are attached to a group and to those above it, all must allow. One lives as long as its group, also when whoever attached it has ended.
 * bpf(2) and linux/bpf.h; Linux 5.6 and later.
 */
public final class DevicePrograms {
    private static final int PROG_LOAD = 5;
    private static final int PROG_ATTACH = 8;
    private static final int PROG_DETACH = 9;
    private static final int PROG_GET_FD_BY_ID = 13;
    private static final int PROG_QUERY = 16;
    private static final int TYPE_CGROUP_DEVICE = 15;
    private static final int ATTACH_CGROUP_DEVICE = 6;
    private static final int ALLOW_MULTI = 2;
    private static final int REPLACE = 4;
    /** Bytes of a union bpf_attr, with room: what the kernel does not know must be zero. */
    private static final long ATTRIBUTES = 144;
    private static final int INSTRUCTION_BYTES = 8;
    /** The kernel takes no more in one group. */
    private static final int MOST_PROGRAMS = 64;
    private static final String NAME = "ferry_devices";
    private static final int O_DIRECTORY = 0x10000;
    private static final int O_CLOEXEC = 0x80000;

    private DevicePrograms() {}

    /**
     * Attaches a program in the place of all that are attached to the group itself. Where that is one, the kernel exchanges them in one act;
     * of several the old ones go after the new one has come, so that never more is allowed than by either.
     *
     * @param group folder of a v2 control group
     * @param instructions of the program, 8 bytes each, as linux/bpf.h has them
     * @throws PosixException EPERM: without CAP_BPF and CAP_SYS_ADMIN, or a program is there that suffers no other; EINVAL: the kernel has no
     *     such programs, or refuses this one
     */
    public static void replace(Path group, byte[] instructions) throws IOException {
        int folder = openGroup(group);
        List<Integer> before = new ArrayList<>();
        int program = -1;
        try {
            for (int id : ids(folder, group)) {
                openProgram(id, before);
            }
            program = load(instructions);
            boolean exchange = before.size() == 1;
            attach(folder, program, exchange ? ALLOW_MULTI | REPLACE : ALLOW_MULTI, exchange ? before.getFirst() : 0, group);
            if (!exchange) {
                for (int old : before) {
                    detach(folder, old, group);
                }
            }
        } finally {
            before.forEach(Posix::close);
            if (program >= 0) {
                Posix.close(program);
            }
            Posix.close(folder);
        }
    }

    /** Attaches a program beside those that are there. */
    static void add(Path group, byte[] instructions) throws IOException {
        int folder = openGroup(group);
        try {
            int program = load(instructions);
            try {
                attach(folder, program, ALLOW_MULTI, 0, group);
            } finally {
                Posix.close(program);
            }
        } finally {
            Posix.close(folder);
        }
    }

    /** How many are attached to the group itself. */
    public static int count(Path group) throws IOException {
        int folder = openGroup(group);
        try {
            return ids(folder, group).size();
        } finally {
            Posix.close(folder);
        }
    }

    private static int openGroup(Path group) throws PosixException {
        int descriptor = Posix.libc().open(group.toString(), O_DIRECTORY | O_CLOEXEC, 0);
        if (descriptor < 0) {
            throw new PosixException("open " + group, Posix.libc().errno());
        }
        return descriptor;
    }

    private static List<Integer> ids(int folder, Path group) throws PosixException {
        List<Integer> found = new ArrayList<>();
        long ignored =
                bpf(
                        "bpf(PROG_QUERY) " + group,
                        PROG_QUERY,
                        (attributes, arena) -> {
                            attributes.set(ValueLayout.JAVA_INT, 0, folder);
                            attributes.set(ValueLayout.JAVA_INT, 4, ATTACH_CGROUP_DEVICE);
                            attributes.set(ValueLayout.ADDRESS, 16, arena.allocate(ValueLayout.JAVA_INT, MOST_PROGRAMS));
                            attributes.set(ValueLayout.JAVA_INT, 24, MOST_PROGRAMS);
                        },
                        attributes -> {
                            MemorySegment programs = attributes.get(ValueLayout.ADDRESS, 16).reinterpret((long) MOST_PROGRAMS * Integer.BYTES);
                            for (int i = 0; i < attributes.get(ValueLayout.JAVA_INT, 24); i++) {
                                found.add(programs.getAtIndex(ValueLayout.JAVA_INT, i));
                            }
                        });
        return found;
    }

    /** Of a program that was detached meanwhile there is nothing to open. */
    private static void openProgram(int id, List<Integer> into) throws PosixException {
        try {
            into.add((int) bpf("bpf(PROG_GET_FD_BY_ID)", PROG_GET_FD_BY_ID, (attributes, arena) -> attributes.set(ValueLayout.JAVA_INT, 0, id), attributes -> {}));
        } catch (PosixException failed) {
            if (!failed.is(Errno.ENOENT)) {
                throw failed;
            }
        }
    }

    private static int load(byte[] instructions) throws PosixException {
        return (int)
                bpf(
                        "bpf(PROG_LOAD) of a device filter",
                        PROG_LOAD,
                        (attributes, arena) -> {
                            attributes.set(ValueLayout.JAVA_INT, 0, TYPE_CGROUP_DEVICE);
                            attributes.set(ValueLayout.JAVA_INT, 4, instructions.length / INSTRUCTION_BYTES);
                            MemorySegment code = arena.allocate(instructions.length, INSTRUCTION_BYTES);
                            MemorySegment.copy(instructions, 0, code, ValueLayout.JAVA_BYTE, 0, instructions.length);
                            attributes.set(ValueLayout.ADDRESS, 8, code);
                            // It calls nothing of the kernel that asks for another.
                            attributes.set(ValueLayout.ADDRESS, 16, arena.allocateFrom("Apache-2.0"));
                            attributes.asSlice(48).setString(0, NAME);
                        },
                        attributes -> {});
    }

    private static void attach(int folder, int program, int flags, int replaced, Path group) throws PosixException {
        long ignored =
                bpf(
                        "bpf(PROG_ATTACH) " + group,
                        PROG_ATTACH,
                        (attributes, arena) -> {
                            name(attributes, folder, program);
                            attributes.set(ValueLayout.JAVA_INT, 12, flags);
                            attributes.set(ValueLayout.JAVA_INT, 16, replaced);
                        },
                        attributes -> {});
    }

    private static void detach(int folder, int program, Path group) throws PosixException {
        try {
            long ignored = bpf("bpf(PROG_DETACH) " + group, PROG_DETACH, (attributes, arena) -> name(attributes, folder, program), attributes -> {});
        } catch (PosixException failed) {
            // ENOENT: somebody else was faster.
            if (!failed.is(Errno.ENOENT)) {
                throw failed;
            }
        }
    }

    private static void name(MemorySegment attributes, int folder, int program) {
        attributes.set(ValueLayout.JAVA_INT, 0, folder);
        attributes.set(ValueLayout.JAVA_INT, 4, program);
        attributes.set(ValueLayout.JAVA_INT, 8, ATTACH_CGROUP_DEVICE);
    }

    private static long bpf(String what, int command, BiConsumer<MemorySegment, Arena> fill, Consumer<MemorySegment> read) throws PosixException {
        return Native.check(
                what,
                (state, arena) -> {
                    MemorySegment attributes = arena.allocate(ATTRIBUTES, 8);
                    fill.accept(attributes, arena);
                    long result = (long) Native.BPF.invokeExact(state, Native.SYS_BPF, command, attributes, (int) ATTRIBUTES);
                    if (result >= 0) {
                        read.accept(attributes);
                    }
                    return result;
                });
    }
}
