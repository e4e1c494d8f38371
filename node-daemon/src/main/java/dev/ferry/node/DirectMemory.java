package dev.ferry.node;

import com.sun.management.HotSpotDiagnosticMXBean;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.ErrorCode;
import java.lang.management.ManagementFactory;

/** How much memory outside the heap this process may have beside the spool, and whether that is enough. */
final class DirectMemory {
    /** What lies there, at most: chunks that are fetched (60 MiB), those that are named (25 MiB), what comes back from the disk, and copies ahead. */
    private static final long BUFFERS = 104L << 20;

    private DirectMemory() {}

    /**
     * Asked at the start: a daemon that has nothing for the threads behind its images fails in its first dump.
     *
     * @throws FerryException CONFIG_INVALID
     */
    static void requireRoom() {
        requireRoom(limit());
    }

    static void requireRoom(long limit) {
        if (limit < BUFFERS) {
            throw new FerryException(
                    ErrorCode.CONFIG_INVALID,
                    "The " + Sizes.format(BUFFERS) + " of buffers beside the spool are more than the " + Sizes.format(limit)
                            + " that this process may have outside its heap; start the daemon with FERRY_JAVA_OPTS=-XX:MaxDirectMemorySize=" + (BUFFERS >> 20) + "m or more");
        }
    }

    /** As the JDK has it: as much as the heap when no option says it. */
    private static long limit() {
        HotSpotDiagnosticMXBean options = ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
        long said = Long.parseLong(options.getVMOption("MaxDirectMemorySize").getValue());
        return said == 0 ? Runtime.getRuntime().maxMemory() : said;
    }
}
