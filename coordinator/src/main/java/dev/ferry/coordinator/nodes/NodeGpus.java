package dev.ferry.coordinator.nodes;

import dev.ferry.coordinator.placement.GpuShares;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.GpuHealth;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeFacts;
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

    /** A daemon has said which GPUs it has and how they are: those of them that are usable are what the node has for jobs from now on. Jobs on others run on. */
    void are(String name, GpuHealth health) {
        List<Gpu> gpus = health.getGpusList();
        boolean changed =
                store.transact(
                        state -> {
                            Optional<Node> changes = state.node(name).filter(node -> !with(node, health).equals(node)).map(node -> with(node, health));
                            changes.ifPresent(state::put);
                            return changes.isPresent();
                        });
        if (changed) {
            String failing = gpus.stream().filter(gpu -> !gpu.getSick().isEmpty()).map(gpu -> gpu.getUuid() + ": " + gpu.getSick()).collect(Collectors.joining("; "));
            LOG.info("the GPUs of node {} have changed: {}", name, failing.isEmpty() ? "none is failing" : failing);
        }
    }

    private static Node with(Node node, GpuHealth health) {
        List<Gpu> gpus = health.getGpusList();
        Node.Builder record = node.toBuilder();
        NodeFacts.Builder facts = record.getFactsBuilder().clearGpus().addAllGpus(gpus).clearGpuModels().addAllGpuModels(gpus.stream().map(Gpu::getModel).toList());
        if (health.hasPlaces()) {
            facts.setGpuPlaces(health.getPlaces()).setGpuNote(health.getNote());
        }
        if (!health.getDriver().isEmpty()) {
            facts.setGpuDriver(health.getDriver()).setGpuStandIn(health.getStandIn()).setGpuCanSave(health.getCanSave()).setGpuCanMap(health.getCanMap());
        }
        record.getCapacityBuilder().setGpus((int) gpus.stream().filter(GpuShares::isUsable).count());
        return record.build();
    }
}
