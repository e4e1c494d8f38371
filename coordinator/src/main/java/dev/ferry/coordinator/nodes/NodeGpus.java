package dev.ferry.coordinator.nodes;

import dev.ferry.coordinator.placement.GpuShares;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.GpuHealth;
import dev.ferry.proto.v1.Node;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How the GPUs of nodes are, as their daemons say it while they run. */
final class NodeGpus {
    private static final Logger LOG = LoggerFactory.getLogger(NodeGpus.class);

    private final StateStore store;

    NodeGpus(StateStore store) {
        this.store = store;
    }

    /** A daemon has said how its GPUs are: those of them that are usable are what the node has for jobs from now on. Jobs on others run on. */
    void are(String name, GpuHealth health) {
        List<Gpu> gpus = health.getGpusList();
        boolean changed =
                store.transact(
                        state -> {
                            Optional<Node> known = state.node(name).filter(node -> !node.getFacts().getGpusList().equals(gpus));
                            known.ifPresent(node -> state.put(with(node, gpus)));
                            return known.isPresent();
                        });
        if (changed) {
            String failing = gpus.stream().filter(gpu -> !gpu.getSick().isEmpty()).map(gpu -> gpu.getUuid() + ": " + gpu.getSick()).collect(Collectors.joining("; "));
            LOG.info("the GPUs of node {} have changed: {}", name, failing.isEmpty() ? "none is failing" : failing);
        }
    }

    private static Node with(Node node, List<Gpu> gpus) {
        Node.Builder record = node.toBuilder();
        record.getFactsBuilder().clearGpus().addAllGpus(gpus);
        record.getCapacityBuilder().setGpus((int) gpus.stream().filter(GpuShares::isUsable).count());
        return record.build();
    }
}
