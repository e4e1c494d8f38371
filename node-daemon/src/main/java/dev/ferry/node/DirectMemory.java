package dev.ferry.node;

import com.sun.management.HotSpotDiagnosticMXBean;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.ErrorCode;
import java.lang.management.ManagementFactory;

/** How much memory outside the heap this process may have, and whether the spool fits into it. */
final class DirectMemory {
    /** What else lies there, at most: chunks that are fetched (60 MiB), those that are named (25 MiB), what comes back from the disk, and copies ahead. */
    private static final long OTHERS = 104L << 20;

    private DirectMemory() {}

    /**
     * Asked before anything is allocated: a daemon that starts and has nothing left for the threads behind its images fails in its first dump.
     *
     * @param spoolBytes of the configuration
     * @throws FerryException CONFIG_INVALID
     */
    static void requireRoom(long spoolBytes) {
        requireRoom(spoolBytes, limit());
    }

    static void requireRoom(long spoolBytes, long limit) {
        if (spoolBytes > limit - OTHERS) {
            long enough = Math.ceilDiv(spoolBytes + OTHERS, 1 << 20);
            throw new FerryException(
                    ErrorCode.CONFIG_INVALID,
                    "spoolMemory: " + Sizes.format(spoolBytes) + " and " + Sizes.format(OTHERS) + " for other buffers are more than the " + Sizes.format(limit)
                            + " that this process may have outside its heap; take less, or start the daemon with FERRY_JAVA_OPTS=-XX:MaxDirectMemorySize=" + enough + "m");
        }
    }

    /** As the JDK has it: as much as the heap when no option says it. */
    private static long limit() {
        HotSpotDiagnosticMXBean options = ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
        long said = Long.parseLong(options.getVMOption("MaxDirectMemorySize").getValue());
        return said == 0 ? Runtime.getRuntime().maxMemory() : said;
    }
}
