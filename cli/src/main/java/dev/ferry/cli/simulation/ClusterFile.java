package dev.ferry.cli.simulation;

import dev.ferry.common.Configs;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.accounts.Association;
import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.Room;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A cluster of nodes that are all alike, and its accounts.
 *
 * @param nodes how many
 * @param gpus of each node; 0 for a cluster in which CPUs are shared
 * @param cpus of each node
 * @param memory of each node
 * @param shares by account; an account of the trace that isn't named has 1
 */
public record ClusterFile(int nodes, int gpus, int cpus, String memory, Map<String, Integer> shares) implements Configs.Checked {
    private static final long MEBI = 1 << 20;
    private static final long MOST_NODES = 1_000_000;

    public static ClusterFile defaults() {
        return new ClusterFile(64, 8, 96, "1TiB", Map.of());
    }

    @Override
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (nodes < 1 || nodes > MOST_NODES) {
            problems.add("nodes: must be 1 to " + MOST_NODES);
        }
        if (gpus < 0) {
            problems.add("gpus: must not be below 0");
        }
        if (cpus < 1) {
            problems.add("cpus: must be 1 or more");
        }
        try {
            if (memoryMib() < 1) {
                problems.add("memory: must be 1MiB or more");
            }
        } catch (FerryException wrong) {
            problems.add("memory: " + wrong.getMessage());
        }
        shares.forEach(
                (account, count) -> {
                    if (count < 0) {
                        problems.add("shares." + account + ": must not be below 0");
                    }
                });
        return problems;
    }

    private long memoryMib() {
        return Sizes.parse(memory) / MEBI;
    }

    /** All of it, free. */
    public Room room() {
        return Room.of(nodes, cpus * 1000L, memoryMib(), gpus);
    }

    /** The same machines for other accounts. */
    ClusterFile withShares(Map<String, Integer> others) {
        return new ClusterFile(nodes, gpus, cpus, memory, others);
    }

    /** One user in each account, named all. */
    AccountTree tree(Set<String> accounts) {
        Set<String> names = new LinkedHashSet<>(shares.keySet());
        names.addAll(accounts);
        List<Association> rows = new ArrayList<>(List.of(new Association(1, 0, "root", null, 1, null)));
        for (String name : names) {
            long id = rows.size() + 1L;
            rows.add(new Association(id, 1, name, null, shares.getOrDefault(name, 1), null));
            rows.add(new Association(id + 1, id, name, "all", 1, null));
        }
        return AccountTree.of(rows);
    }

    /** Whole nodes' worth of GPUs, with the CPUs and memory that go with each. */
    Demand ofGpus(int count) {
        int on = gpus == 0 ? 1 : Math.max(1, Math.ceilDiv(count, gpus));
        int each = Math.ceilDiv(count, on);
        int of = Math.max(1, gpus);
        return new Demand(on, Math.max(1, each) * cpus * 1000L / of, Math.max(1, each) * memoryMib() / of, each, 0);
    }

    boolean couldHold(Demand demand) {
        return demand.nodes() <= nodes && demand.gpus() <= gpus && demand.cpuMillis() <= cpus * 1000L && demand.memory() <= memoryMib();
    }
}
