package dev.ferry.scheduling.pass;

import java.util.Arrays;
import java.util.BitSet;
import java.util.function.IntPredicate;

/**
 * What is free on each node, in arrays: 10,000 nodes are looked through for each of 100,000 jobs. Changed by its user; not for several threads.
 *
 * <p>Less than nothing is free on a node whose jobs hold more than it has, as when it came back with fewer CPUs: whoever leaves it makes up for that first.
 */
public final class Room {
    private final long[] cpuMillis;
    private final long[] memory;
    private final int[] gpus;
    private final long[] labels;

    /** For each number of free GPUs, the nodes that have so many; with less than none, among those with none. */
    private final BitSet[] byGpus;

    private Room(long[] cpuMillis, long[] memory, int[] gpus, long[] labels, int mostGpus) {
        this.cpuMillis = cpuMillis;
        this.memory = memory;
        this.gpus = gpus;
        this.labels = labels;
        byGpus = new BitSet[mostGpus + 1];
        Arrays.setAll(byGpus, count -> new BitSet(gpus.length));
        for (int node = 0; node < gpus.length; node++) {
            withFreeOf(node).set(node);
        }
    }

    private BitSet withFreeOf(int node) {
        return byGpus[Math.max(0, gpus[node])];
    }

    /**
     * Nodes of which some is taken already; the arrays, of what is free, become the room's own.
     *
     * @param mostGpus how many GPUs any node may have free when all of it has been given back
     */
    public static Room partly(long[] cpuMillis, long[] memory, int[] gpus, long[] labels, int mostGpus) {
        return new Room(cpuMillis, memory, gpus, labels, mostGpus);
    }

    /** Empty nodes with these resources; the arrays become the room's own. */
    public static Room of(long[] cpuMillis, long[] memory, int[] gpus, long[] labels) {
        return new Room(cpuMillis, memory, gpus, labels, Arrays.stream(gpus).max().orElse(0));
    }

    /** Empty nodes that are all alike. */
    public static Room of(int nodes, long cpuMillis, long memory, int gpus) {
        long[] cpus = new long[nodes];
        long[] bytes = new long[nodes];
        int[] devices = new int[nodes];
        Arrays.fill(cpus, cpuMillis);
        Arrays.fill(bytes, memory);
        Arrays.fill(devices, gpus);
        return of(cpus, bytes, devices, new long[nodes]);
    }

    public Room copy() {
        return new Room(cpuMillis.clone(), memory.clone(), gpus.clone(), labels, byGpus.length - 1);
    }

    public int nodes() {
        return gpus.length;
    }

    public int gpus(int node) {
        return gpus[node];
    }

    public long cpuMillis(int node) {
        return cpuMillis[node];
    }

    public boolean fits(int node, Demand demand) {
        return demand.fitsInto(cpuMillis[node], memory[node], gpus[node]) && hasLabels(node, demand);
    }

    public long memory(int node) {
        return memory[node];
    }

    public boolean hasLabels(int node, Demand demand) {
        return (labels[node] & demand.labels()) == demand.labels();
    }

    public void take(int[] nodes, Demand demand) {
        for (int node : nodes) {
            if (!demand.fitsInto(cpuMillis[node], memory[node], gpus[node])) {
                throw new IllegalStateException("Node " + node + " is given away twice");
            }
            change(node, -demand.cpuMillis(), -demand.memory(), -demand.gpus());
        }
    }

    public void give(int[] nodes, Demand demand) {
        for (int node : nodes) {
            change(node, demand.cpuMillis(), demand.memory(), demand.gpus());
        }
    }

    /** The opposite of {@link #give}: who was to leave stays. On a node with less than nothing free there is as little again. */
    public void takeBack(int[] nodes, Demand demand) {
        for (int node : nodes) {
            change(node, -demand.cpuMillis(), -demand.memory(), -demand.gpus());
        }
    }

    private void change(int node, long cpu, long bytes, int devices) {
        cpuMillis[node] += cpu;
        memory[node] += bytes;
        if (devices != 0) {
            withFreeOf(node).clear(node);
            gpus[node] += devices;
            withFreeOf(node).set(node);
        }
    }

    /** A node where a job's data lies, if there is room; else empty. */
    int[] warm(WaitingJob job, Allowed allowed) {
        if (job.demand().nodes() == 1) {
            for (int node : job.warm()) {
                if (fits(node, job.demand()) && allowed.on(node)) {
                    return new int[] {node};
                }
            }
        }
        return new int[0];
    }

    /** Nodes for a job; empty if there are too few. */
    int[] find(Demand demand, Packing packing, Allowed allowed) {
        int[] found = new int[demand.nodes()];
        int count = 0;
        for (int step = demand.gpus(); step < byGpus.length; step++) {
            int free = packing != Packing.SPREAD ? step : byGpus.length - 1 - (step - demand.gpus());
            BitSet nodes = byGpus[free];
            if (demand.gpus() == 0 && demand.nodes() == 1) {
                // Such jobs leave whole GPUs alone, and each other room: of nodes alike in free GPUs the emptiest is taken.
                int emptiest = emptiest(nodes, demand, allowed);
                if (emptiest >= 0) {
                    return new int[] {emptiest};
                }
                continue;
            }
            for (int node = nodes.nextSetBit(0); node >= 0; node = nodes.nextSetBit(node + 1)) {
                if (fits(node, demand) && allowed.on(node)) {
                    found[count++] = node;
                    if (count == found.length) {
                        return found;
                    }
                }
            }
        }
        return new int[0];
    }

    /** Of the nodes with room the one with the fewest free GPUs; -1 if there is none. */
    public int tightest(Demand demand, IntPredicate allowed) {
        int[] found = find(new Demand(1, demand.cpuMillis(), demand.memory(), demand.gpus(), demand.labels()), Packing.PACK, allowed::test);
        return found.length == 0 ? -1 : found[0];
    }

    /** The most GPUs that any node can have free. */
    int mostGpus() {
        return byGpus.length - 1;
    }

    /** Nodes with so many free GPUs, to be changed at will. */
    BitSet withFree(int count) {
        return (BitSet) byGpus[count].clone();
    }

    private int emptiest(BitSet nodes, Demand demand, Allowed allowed) {
        int found = -1;
        for (int node = nodes.nextSetBit(0); node >= 0; node = nodes.nextSetBit(node + 1)) {
            boolean emptier = found < 0 || cpuMillis[node] > cpuMillis[found] || cpuMillis[node] == cpuMillis[found] && memory[node] > memory[found];
            if (emptier && fits(node, demand) && allowed.on(node)) {
                found = node;
            }
        }
        return found;
    }

    /** Which nodes may be used. */
    interface Allowed {
        boolean on(int node);
    }
}
