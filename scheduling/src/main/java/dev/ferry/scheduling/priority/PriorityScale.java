package dev.ferry.scheduling.priority;

/**
 * What factors are parts of.
 *
 * @param nodes active nodes of the cluster
 * @param cpus CPUs of the cluster
 * @param highestAssociation the highest priority of any association
 * @param highestPartition the highest PriorityJobFactor of any partition
 * @param highestQos the highest priority of any QoS
 */
public record PriorityScale(long nodes, long cpus, long highestAssociation, long highestPartition, long highestQos) {
    public PriorityScale {
        if (nodes < 1 || cpus < 1) {
            throw new IllegalArgumentException("A cluster of " + nodes + " nodes and " + cpus + " CPUs has no job sizes");
        }
    }
}
