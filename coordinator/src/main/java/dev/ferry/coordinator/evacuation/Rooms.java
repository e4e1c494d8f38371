package dev.ferry.coordinator.evacuation;

import dev.ferry.coordinator.accounts.AccountBook;
import dev.ferry.coordinator.placement.Placement;
import dev.ferry.coordinator.placement.Usage;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Requirements;
import dev.ferry.proto.v1.Resources;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Whether there is room for several jobs, each of which takes its own: what only reserving would tell, without reserving. */
final class Rooms {
    private final Transaction state;
    private final List<Node> nodes;
    private final Usage usage;
    private final Map<String, Resources> taken = new HashMap<>();
    private final Map<String, List<String>> partitions = new HashMap<>();

    /**
     * @param but the node that is of no use; empty: all are of use
     */
    Rooms(Transaction state, String but) {
        this(state, Set.of(but));
    }

    /**
     * @param but nodes that are of no use
     */
    Rooms(Transaction state, Set<String> but) {
        this.state = state;
        nodes = state.nodes().stream().filter(node -> !but.contains(node.getName())).toList();
        usage = Usage.of(state);
    }

    /** Takes room for a job, wherever it asked to be at its start; empty: there is none. */
    Optional<String> take(JobSpec spec, Optional<Requirements> image) {
        JobSpec anywhere = spec.toBuilder().clearNode().build();
        Resources wanted = Usage.wanted(anywhere);
        List<String> partition = partitions.computeIfAbsent(spec.getPartition(), name -> AccountBook.nodesOf(state, name));
        for (Node node : nodes) {
            boolean there = partition.isEmpty() || partition.contains(node.getName());
            boolean fits = there && hasRoom(node, wanted) && Placement.fits(node, new Placement.Request(anywhere, image, "", Set.of(), ""), usage);
            if (fits) {
                taken.merge(node.getName(), wanted, Rooms::sum);
                return Optional.of(node.getName());
            }
        }
        return Optional.empty();
    }

    private boolean hasRoom(Node node, Resources wanted) {
        Resources all = sum(sum(usage.of(node.getName()), taken.getOrDefault(node.getName(), Resources.getDefaultInstance())), wanted);
        Resources capacity = node.getCapacity();
        return all.getCpuMillis() <= capacity.getCpuMillis() && all.getMemoryBytes() <= capacity.getMemoryBytes() && all.getGpus() <= capacity.getGpus();
    }

    private static Resources sum(Resources one, Resources other) {
        return Resources.newBuilder()
                .setCpuMillis(one.getCpuMillis() + other.getCpuMillis())
                .setMemoryBytes(one.getMemoryBytes() + other.getMemoryBytes())
                .setGpus(one.getGpus() + other.getGpus())
                .build();
    }
}
