package dev.ferry.node;

import com.sun.management.OperatingSystemMXBean;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.node.posix.PosixException;
import dev.ferry.node.posix.ResidentMemory;
import dev.ferry.proto.v1.ErrorCode;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.List;

/** The buffers of the spool, which are no part of the JVM's direct memory. */
final class SpoolMemory {
    private static final int FEWEST = 8;
    /** The usual one, with which a daemon also starts on the smallest machine. */
    private static final long USUAL = Sizes.parse(NodeConfig.defaults().spoolMemory());

    private SpoolMemory() {}

    /**
     * @param spoolBytes of the configuration
     * @throws FerryException CONFIG_INVALID when the machine has not twice as much, or does not give it
     */
    static List<ByteBuffer> buffers(long spoolBytes, int bufferBytes) {
        requireRoom(spoolBytes, machine());
        try {
            return ResidentMemory.buffers((int) Math.max(FEWEST, spoolBytes / bufferBytes), bufferBytes);
        } catch (PosixException refused) {
            throw new FerryException(ErrorCode.CONFIG_INVALID, "spoolMemory: the kernel gives no " + Sizes.format(spoolBytes) + " of memory (" + refused.getMessage() + "); take less", refused);
        }
    }

    /** Asked before anything is made: memory that is touched and not there ends a process of the machine, and the jobs are its largest. */
    static void requireRoom(long spoolBytes, long machineBytes) {
        if (spoolBytes > Math.max(USUAL, machineBytes / 2)) {
            throw new FerryException(
                    ErrorCode.CONFIG_INVALID, "spoolMemory: " + Sizes.format(spoolBytes) + " is more than half of the " + Sizes.format(machineBytes) + " of memory that this daemon may have; take less, and let the rest go to spoolDisk");
        }
    }

    /** That of the container, if it is in one. */
    private static long machine() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getTotalMemorySize();
    }
}
