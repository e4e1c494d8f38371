package dev.ferry.node.cgroup;

import static dev.ferry.node.cgroup.GroupFiles.read;
import static dev.ferry.node.cgroup.GroupFiles.write;

import dev.ferry.node.posix.DevicePrograms;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What a group may use: CPU, memory, processes and devices, each by its v1 controller where that is mounted, else by v2. What neither has is not
 * limited; {@code ferry doctor} says so.
 *
 * @param path relative to each hierarchy's root
 */
public record GroupLimits(CgroupLayout layout, String path) {
    private static final long CPU_PERIOD_MICROS = 100_000;

    /** PID_MAX_LIMIT of the kernel's include/linux/threads.h: no machine has more, and pids.max takes no greater number. */
    private static final int MOST_TASKS = 4 << 20;

    /**
     * Sets the limits of a group that is there; its devices become those that every job may use.
     *
     * @param cpuMillis thousandths of a CPU
     */
    void set(long cpuMillis, long memoryBytes) throws IOException {
        long quota = Math.max(1000, cpuMillis * CPU_PERIOD_MICROS / 1000);
        setMemory(memoryBytes);
        setDevices(List.of());
        Optional<Path> unified = inUnified("cpu");
        if (unified.isPresent()) {
            write(unified.get().resolve("cpu.max"), quota + " " + CPU_PERIOD_MICROS);
        }
        Optional<Path> cpu = inController("cpu");
        if (cpu.isPresent()) {
            write(cpu.get().resolve("cpu.cfs_period_us"), Long.toString(CPU_PERIOD_MICROS));
            write(cpu.get().resolve("cpu.cfs_quota_us"), Long.toString(quota));
        }
    }

    /** The limit of memory as it is now, in bytes; 0: not known, or none. */
    public long memory() {
        String limit = memoryFile("memory.max", "memory.limit_in_bytes").map(GroupFiles::read).orElse("").trim();
        return limit.matches("\\d{1,18}") ? Long.parseLong(limit) : 0;
    }

    /** Changes the limit of memory of a group that is there. */
    public void setMemory(long bytes) throws IOException {
        Optional<Path> file = memoryFile("memory.max", "memory.limit_in_bytes");
        if (file.isPresent()) {
            write(file.get(), Long.toString(bytes));
        }
    }

    /**
     * Sets how many processes and threads may be in the group at a time: who forks without end would take every PID of the machine. Both
     * hierarchies call the file the same.
     *
     * @param most above {@link #MOST_TASKS} it is no limit
     */
    public void setTasks(int most) throws IOException {
        Optional<Path> group = inController("pids").or(() -> inUnified("pids"));
        if (group.isPresent()) {
            write(group.get().resolve("pids.max"), most > MOST_TASKS ? "max" : Integer.toString(most));
        }
    }

    /** How often the kernel killed a process of the group for want of memory. */
    public long outOfMemoryKills() {
        String events = memoryFile("memory.events", "memory.oom_control").map(GroupFiles::read).orElse("");
        return events.lines().filter(line -> line.startsWith("oom_kill ")).mapToLong(line -> Long.parseLong(line.substring(9).trim())).sum();
    }

    /**
     * Lets the group use the devices that every job may, and some more; what it could use before and is not among these it can't open from now on. By
     * the v1 controller where there is one. In v2 it is a program, which comes in the place of runc's: that is made at a start only, and is
     * of the GPUs of that moment. A process that has a device open keeps it.
     *
     * @param more in the language of the v1 controller, for example {@code c 195:0 rw}
     * @throws IOException the kernel's refusal; the job can't be held to its devices then
     */
    public void setDevices(List<String> more) throws IOException {
        List<DeviceRule> rules = Stream.concat(DeviceRule.EVERY_JOB.stream(), more.stream().map(DeviceRule::parse)).toList();
        Optional<Path> controller = inController("devices");
        if (controller.isPresent()) {
            write(controller.get().resolve("devices.deny"), "a");
            for (DeviceRule rule : rules) {
                write(controller.get().resolve("devices.allow"), rule.toString());
            }
        } else if (layout.unified().isPresent()) {
            DevicePrograms.replace(layout.unified().orElseThrow().resolve(path), DeviceFilter.of(rules));
        }
    }

    /** Empty: a machine without the memory controller. */
    private Optional<Path> memoryFile(String v2, String v1) {
        return inController("memory").map(group -> group.resolve(v1)).or(() -> inUnified("memory").map(group -> group.resolve(v2)));
    }

    private Optional<Path> inUnified(String controller) {
        return layout.unifiedWith(controller).map(root -> root.resolve(path));
    }

    private Optional<Path> inController(String name) {
        return layout.controller(name).map(root -> root.resolve(path));
    }
}
