package dev.ferry.scheduling.pass;

/**
 * What a job needs, on each of its nodes; it gets all of its nodes at once or none.
 *
 * @param nodes 1 or more
 * @param cpuMillis thousandths of a CPU
 * @param memory MiB
 * @param labels bits that a node must have; which bit means what is up to the caller
 */
public record Demand(int nodes, long cpuMillis, long memory, int gpus, long labels) {
    public Demand {
        if (nodes < 1 || cpuMillis < 0 || memory < 0 || gpus < 0) {
            throw new IllegalArgumentException("No job needs " + nodes + " nodes with " + cpuMillis + " CPU millis, " + memory + " MiB, " + gpus + " GPUs");
        }
    }

    /** Whether so much is enough; a lack of what is not asked for does not matter. */
    public boolean fitsInto(long freeCpuMillis, long freeMemory, int freeGpus) {
        return cpuMillis <= Math.max(0, freeCpuMillis) && memory <= Math.max(0, freeMemory) && gpus <= Math.max(0, freeGpus);
    }

    /** Whether whatever has no room for the other has none for this either. */
    boolean needsAllOf(Demand other) {
        return nodes >= other.nodes && cpuMillis >= other.cpuMillis && memory >= other.memory && gpus >= other.gpus && (labels & other.labels) == other.labels;
    }

    /** GPUs on all nodes; without GPUs, CPUs: what shares are compared in. */
    public double size(boolean inGpus) {
        return inGpus ? (double) nodes * gpus : nodes * cpuMillis / 1000.0;
    }
}
