package dev.ferry.node.sandbox;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.ferry.proto.v1.JobSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The config.json that runc reads (OCI runtime specification 1.0). */
final class OciSpec {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    private static final List<String> MASKED_FILES =
            List.of("/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug");
    private static final List<String> MASKED_FOLDERS = List.of("/sys/firmware");
    private static final List<String> DEVICES = List.of("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty");
    /**
     * By each of them user 0 could change the machine without any capability. runc leaves out what is not there, and CRIU mounts the others again where the job is
     * restored: so only what is there on all machines of a kind, unlike /proc/asound, which comes with a card and has nothing of that weight.
     */
    private static final List<String> READ_ONLY = List.of("/proc/acpi", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/scsi", "/proc/sys", "/proc/sysrq-trigger");

    private OciSpec() {}

    /**
     * @param init what ferry-init does there
     * @param environment what the daemon adds to the job's own environment
     */
    static byte[] toJson(JobSpec spec, RootPlan plan, JobFolder folder, String cgroupPath, List<String> init, Map<String, String> environment) throws IOException {
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("ociVersion", "1.0.2");
        document.put("process", process(spec, init, environment));
        document.put("root", Map.of("path", folder.root().toString(), "readonly", true));
        document.put("hostname", hostName(spec));
        document.put("mounts", mounts(plan));
        document.put("linux", linux(spec, plan, cgroupPath));
        MountList.write(folder.bundle(), plan, List.of()).ifPresent(list -> document.put("hooks", comparison(folder, list)));
        return JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(document);
    }

    /** Called when all is mounted and nothing of the job runs. */
    private static Map<String, Object> comparison(JobFolder folder, Path list) {
        return Map.of("createContainer", List.of(Map.of("path", folder.helper().toString(), "args", List.of("ferry-init", "mounts", list.toString(), folder.root().toString()))));
    }

    private static Map<String, Object> process(JobSpec spec, List<String> init, Map<String, String> environment) {
        Map<String, String> all = new LinkedHashMap<>();
        all.put("PATH", DEFAULT_PATH);
        all.put("HOME", spec.getWorkdir().isEmpty() ? "/scratch" : spec.getWorkdir());
        all.put("LANG", "C.UTF-8");
        all.putAll(spec.getEnvironmentMap());
        all.putAll(environment);
        List<String> arguments = new ArrayList<>(List.of("/.ferry/ctl/ferry-init"));
        arguments.addAll(init);
        Map<String, Object> process = new LinkedHashMap<>();
        process.put("terminal", false);
        process.put("user", Map.of("uid", spec.getUid(), "gid", spec.getGid()));
        process.put("args", arguments);
        process.put("env", all.entrySet().stream().map(entry -> entry.getKey() + "=" + entry.getValue()).toList());
        process.put("cwd", spec.getWorkdir().isEmpty() ? "/scratch" : spec.getWorkdir());
        process.put("noNewPrivileges", true);
        process.put("capabilities", Map.of("bounding", Capability.names(), "permitted", Capability.names(), "effective", Capability.names()));
        return process;
    }

    private static List<Map<String, Object>> mounts(RootPlan plan) {
        List<Map<String, Object>> mounts = new ArrayList<>();
        mounts.add(mount("/proc", "proc", "proc", List.of("nosuid", "noexec", "nodev")));
        mounts.add(mount("/dev", "tmpfs", "tmpfs", List.of("nosuid", "strictatime", "mode=755", "size=65536k")));
        mounts.add(mount("/dev/pts", "devpts", "devpts", List.of("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620")));
        mounts.add(mount("/dev/shm", "tmpfs", "shm", List.of("nosuid", "noexec", "nodev", "mode=1777")));
        mounts.add(mount("/sys", "sysfs", "sysfs", List.of("nosuid", "noexec", "nodev", "ro")));
        mounts.add(mount("/run", "tmpfs", "tmpfs", List.of("nosuid", "nodev", "mode=755", "size=65536k")));
        for (RootPlan.Bind bind : plan.binds()) {
            mounts.add(mount(bind.destination(), "bind", bind.source().toString(), List.of("bind", "nosuid", "nodev", bind.readOnly() ? "ro" : "rw")));
        }
        return mounts;
    }

    private static Map<String, Object> mount(String destination, String type, String source, List<String> options) {
        return Map.of("destination", destination, "type", type, "source", source, "options", options);
    }

    private static Map<String, Object> linux(JobSpec spec, RootPlan plan, String cgroupPath) {
        List<Map<String, Object>> namespaces = new ArrayList<>();
        for (String type : List.of("pid", "mount", "ipc", "uts", "network")) {
            namespaces.add(Map.of("type", type));
        }
        Map<String, Object> linux = new LinkedHashMap<>();
        linux.put("cgroupsPath", cgroupPath);
        if (hasUserNamespace(spec)) {
            // A job of another user gets a user namespace with the same ids as outside: its kernel
            // objects belong to that namespace, so that CRIU can save them without CAP_SYS_RESOURCE.
            namespaces.add(Map.of("type", "user"));
            List<Map<String, Integer>> same = List.of(Map.of("containerID", 0, "hostID", 0, "size", Integer.MAX_VALUE));
            linux.put("uidMappings", same);
            linux.put("gidMappings", same);
        }
        if (!plan.devices().isEmpty()) {
            linux.put("devices", plan.devices().stream().map(OciSpec::device).toList());
            linux.put("resources", Map.of("devices", deviceRules(plan)));
        }
        linux.put("namespaces", namespaces);
        linux.put("seccomp", SeccompProfile.toOci());
        List<String> masked = new ArrayList<>(MASKED_FILES);
        masked.addAll(MASKED_FOLDERS);
        masked.addAll(plan.masks());
        linux.put("maskedPaths", masked);
        linux.put("readonlyPaths", READ_ONLY);
        return linux;
    }

    private static Map<String, Object> device(RootPlan.DeviceNode node) {
        return Map.of("path", node.path(), "type", "c", "major", node.major(), "minor", node.minor(), "fileMode", 0666, "uid", 0, "gid", 0);
    }

    /** Nothing but what follows; runc adds those that every container has. In v2 it makes a filter of them. */
    private static List<Map<String, Object>> deviceRules(RootPlan plan) {
        Stream<Map<String, Object>> allowed = plan.devices().stream().map(node -> Map.of("allow", true, "type", "c", "major", node.major(), "minor", node.minor(), "access", "rw"));
        return Stream.concat(Stream.of(Map.<String, Object>of("allow", false, "access", "rwm")), allowed).toList();
    }

    static boolean hasUserNamespace(JobSpec spec) {
        return spec.getUid() != 0 || spec.getGid() != 0;
    }

    /** In a user namespace runc binds the machine's device nodes, and masks files with its /dev/null. */
    static List<RootPlan.Bind> runtimeBinds(JobSpec spec) {
        if (!hasUserNamespace(spec)) {
            return List.of();
        }
        Stream<RootPlan.Bind> devices = DEVICES.stream().map(device -> new RootPlan.Bind(Path.of(device), device, false));
        Stream<RootPlan.Bind> masks = MASKED_FILES.stream().map(path -> new RootPlan.Bind(Path.of("/dev/null"), path, true));
        return Stream.concat(devices, masks).toList();
    }

    private static String hostName(JobSpec spec) {
        String name = spec.getName().replaceAll("[^A-Za-z0-9-]", "-");
        return name.isEmpty() ? "job" : name.substring(0, Math.min(63, name.length()));
    }
}
