package dev.ferry.node.sandbox;

import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.posix.Posix;
import dev.ferry.node.posix.PosixException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * The first process of a job's sandbox, in a form that survives the daemon: pid, start time and
 * boot together name one process for ever.
 *
 * @param pid in the host's PID namespace
 * @param startTime clock ticks since boot
 */
public record JobProcess(int pid, long startTime, String bootId) {
    private static final int SIGKILL = 9;

    public static JobProcess of(int pid) throws IOException {
        OptionalLong start = Posix.startTime(pid);
        return start.isEmpty() ? ended(pid) : new JobProcess(pid, start.getAsLong(), Posix.bootId());
    }

    /** One that had this pid and has ended: a start time that no process has makes it a dead one, whoever has the pid now. */
    public static JobProcess ended(int pid) throws IOException {
        return new JobProcess(pid, -1, Posix.bootId());
    }

    public boolean isAlive() throws IOException {
        OptionalLong start = Posix.startTime(pid);
        return start.isPresent() && start.getAsLong() == startTime && Posix.bootId().equals(bootId);
    }

    /** Passes a signal to the job's command through ferry-init. */
    public void signal(int number) throws IOException {
        if (isAlive()) {
            Posix.kill(pid, number);
        }
    }

    /** Waits for the end without looking again and again. */
    public boolean awaitDeath(Duration atMost) throws IOException {
        if (!isAlive()) {
            return true;
        }
        try {
            return Posix.awaitDeath(pid, atMost);
        } catch (PosixException raced) {
            return !isAlive();
        }
    }

    /**
     * Kills the job, frozen or not, and waits until no process of it is left: a PID namespace dies with
     * its first process.
     *
     * @throws FerryException INTERNAL when processes are left after the time (stuck in the kernel)
     */
    public void kill(JobCgroup cgroup, Duration atMost) throws IOException {
        if (isAlive()) {
            Posix.kill(pid, SIGKILL);
        }
        cgroup.killProcesses();
        cgroup.letTheKilledDie();
        if (!awaitDeath(atMost) || !cgroup.awaitEmpty(atMost)) {
            throw cgroup.undying(atMost);
        }
    }

    /** What ferry-init wrote at the end: 0-255, 128 + signal; empty: it wrote nothing, or the job has put something else there. */
    public static OptionalInt exitStatus(Path control) throws IOException {
        try {
            return Posix.readSmall(control.resolve("exit")).map(text -> OptionalInt.of(Integer.parseInt(text.trim()))).orElse(OptionalInt.empty());
        } catch (NumberFormatException notOurs) {
            return OptionalInt.empty();
        }
    }
}
