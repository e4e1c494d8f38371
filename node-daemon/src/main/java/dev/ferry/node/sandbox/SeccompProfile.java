package dev.ferry.node.sandbox;

import java.util.List;
import java.util.Map;

/** System calls that a job may not make. */
final class SeccompProfile {
    private static final int EPERM = 1;
    private static final int ENOSYS = 38;

    /** CRIU can't save a ring: with ENOSYS programs and libraries fall back to epoll by themselves. */
    private static final List<String> NOT_SAVABLE = List.of("io_uring_setup", "io_uring_enter", "io_uring_register");

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
                "syscalls", List.of(refuse(NOT_SAVABLE, ENOSYS), refuse(NOT_ALLOWED, EPERM)));
    }

    private static Map<String, Object> refuse(List<String> names, int errno) {
        return Map.of("names", names, "action", "SCMP_ACT_ERRNO", "errnoRet", errno);
    }
}
