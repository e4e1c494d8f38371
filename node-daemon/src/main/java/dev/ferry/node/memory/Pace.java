package dev.ferry.node.memory;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Bounds what a pre-copy costs the node: not more than so many bytes a second, and not more than so much of a
 * CPU for the whole daemon, counted from the begin. Used by one thread.
 */
public final class Pace {
    private static final long LONGEST_NAP = 200_000_000;

    private final long bytesPerSecond;
    private final double cpus;
    private final LongSupplier clock;
    private final LongSupplier cpuNanos;
    private final long begin;
    private final long cpuBegin;
    private long bytes;

    /**
     * @param cpus how many CPUs the daemon may use on average meanwhile
     */
    public Pace(long bytesPerSecond, double cpus) {
        this(bytesPerSecond, cpus, System::nanoTime, daemonCpu());
    }

    Pace(long bytesPerSecond, double cpus, LongSupplier clock, LongSupplier cpuNanos) {
        this.bytesPerSecond = bytesPerSecond;
        this.cpus = cpus;
        this.clock = clock;
        this.cpuNanos = cpuNanos;
        begin = clock.getAsLong();
        cpuBegin = cpuNanos.getAsLong();
    }

    private static LongSupplier daemonCpu() {
        OperatingSystemMXBean system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        return system::getProcessCpuTime;
    }

    /** Counts bytes that were read, and waits until they are allowed. */
    public void after(long count) throws InterruptedException {
        bytes += count;
        long left = nanosLeft();
        while (left > 0) {
            TimeUnit.NANOSECONDS.sleep(Math.min(left, LONGEST_NAP));
            left = nanosLeft();
        }
    }

    /** How long to wait until what was done so far is allowed. */
    long nanosLeft() {
        double forBytes = 1e9 * bytes / bytesPerSecond;
        double forCpu = (cpuNanos.getAsLong() - cpuBegin) / cpus;
        return Math.round(Math.max(forBytes, forCpu)) - (clock.getAsLong() - begin);
    }
}
