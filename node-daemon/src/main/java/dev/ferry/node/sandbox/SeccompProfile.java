package dev.ferry.node.sandbox;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** System calls that a job may not make. */
final class SeccompProfile {
    private static final int EPERM = 1;
    private static final int ENOSYS = 38;

    /**
     * What programs and libraries do without when it seems to be of a newer kernel. CRIU can't save a ring of io_uring: they fall back to epoll. The flags of clone3 are
     * in memory, where a filter can't see them: they fall back to clone.
     */
    private static final List<String> UNSEEN = List.of("io_uring_setup", "io_uring_enter", "io_uring_register", "clone3");

    /** Flags of clone for new namespaces: mount, cgroup, UTS, IPC, user, PID and network (linux/sched.h). What unshare may not make, clone may not either. */
    private static final List<Long> NAMESPACES = List.of(0x00020000L, 0x02000000L, 0x04000000L, 0x08000000L, 0x10000000L, 0x20000000L, 0x40000000L);

    /** What changes the machine, other sandboxes or the kernel. */
    private static final List<String> NOT_ALLOWED =
            List.of(
                    "acct", "add_key", "bpf", "clock_adjtime", "clock_settime", "create_module", "delete_module", "fanotify_init", "finit_module",
                    "fsconfig", "fsmount", "fsopen", "fspick", "get_kernel_syms", "init_module", "ioperm", "iopl", "kcmp", "kexec_file_load",
                    "kexec_load", "keyctl", "lookup_dcookie", "mount", "mount_setattr", "move_mount", "nfsservctl", "open_by_handle_at",
                    "open_tree", "perf_event_open", "pivot_root", "process_vm_readv", "process_vm_writev", "query_module", "quotactl", "reboot",
                    "request_key", "setns", "settimeofday", "swapoff", "swapon", "sysfs", "umount", "umount2", "unshare", "uselib",
                    "userfaultfd", "ustat", "vm86", "vm86old");

    private SeccompProfile() {}

    /** The seccomp part of an OCI runtime configuration. */
    static Map<String, Object> toOci() {
        List<String> architectures =
                System.getProperty("os.arch").equals("aarch64")
                        ? List.of("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM")
                        : List.of("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32");
        return Map.of(
                "defaultAction", "SCMP_ACT_ALLOW",
                "architectures", architectures,
                "syscalls", Stream.concat(Stream.of(refuse(UNSEEN, ENOSYS), refuse(NOT_ALLOWED, EPERM)), NAMESPACES.stream().map(SeccompProfile::refuseClone)).toList());
    }

    /** With one flag among those of the first argument. Each flag has a rule: conditions of one are all to be met. */
    private static Map<String, Object> refuseClone(long flag) {
        Map<String, Object> condition = Map.of("index", 0, "value", flag, "valueTwo", flag, "op", "SCMP_CMP_MASKED_EQ");
        return Map.of("names", List.of("clone"), "action", "SCMP_ACT_ERRNO", "errnoRet", EPERM, "args", List.of(condition));
    }

    private static Map<String, Object> refuse(List<String> names, int errno) {
        return Map.of("names", names, "action", "SCMP_ACT_ERRNO", "errnoRet", errno);
    }
}
