package dev.ferry.coordinator.evacuation;

import dev.ferry.coordinator.store.RecordKind;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.EvacuationState;
import dev.ferry.proto.v1.Evacuee;
import dev.ferry.proto.v1.EvacueeState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeLife;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.NoticeKind;
import dev.ferry.proto.v1.Pool;
import dev.ferry.scheduling.fresh.Hazard;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** How often machines are taken away, by pool: the lives of all machines, those that live on among them. */
public final class Pools {
    /** One life of a machine; its parent is the node. */
    static final RecordKind<NodeLife> LIFE = new RecordKind<>("node-life", NodeLife.parser(), NodeLife::getId, NodeLife::getNode, NodeLife::getBeganAt);

    static final Duration LOOKED_BACK = Duration.ofDays(90);

    private Pools() {}

    /** Begins the lives of machines that are new, and ends those of machines that were taken away. */
    static void keepBooks(Transaction state) {
        for (Node node : state.nodes()) {
            Optional<NodeLife> life = state.records(LIFE, RecordQuery.of(node.getName()).newestFirst().atMost(1)).stream().findFirst().filter(one -> one.getEndedAt() == 0);
            if (life.isEmpty() && node.getState() == NodeState.READY) {
                state.put(LIFE, NodeLife.newBuilder().setId(node.getName() + "/" + state.now()).setNode(node.getName()).setPool(node.getPool()).setBeganAt(state.now()).build());
            } else if (life.isPresent()) {
                end(state, node, life.get());
            }
        }
    }

    private static void end(Transaction state, Node node, NodeLife life) {
        Optional<Evacuation> taken =
                state.records(EvacuationRecords.KIND, RecordQuery.of(node.getName()).from(life.getBeganAt()).newestFirst()).stream().filter(Pools::isInterruption).findFirst();
        if (taken.isPresent()) {
            state.put(LIFE, life.toBuilder().setEndedAt(taken.get().getEndedAt()).setInterrupted(true).setUncovered(taken.get().getJobsList().stream().anyMatch(Pools::hasLost)).build());
        } else if (node.getState() == NodeState.DEAD) {
            // It went without a word.
            state.put(LIFE, life.toBuilder().setEndedAt(state.now()).setInterrupted(true).setUncovered(true).build());
        }
    }

    /** What an operator or a hook evacuates is given back, not taken away. */
    private static boolean isInterruption(Evacuation evacuation) {
        return evacuation.getState() == EvacuationState.EVACUATED && evacuation.getKind() == NoticeKind.FINAL && !evacuation.getNotice().startsWith(evacuation.getNode() + "/operator/");
    }

    private static boolean hasLost(Evacuee evacuee) {
        return evacuee.getFromImage() || evacuee.getState() == EvacueeState.IS_LOST;
    }

    /** What was seen of a pool in the last 90 days. */
    record Seen(long nodes, long interruptions, long uncovered, long livedMillis) {
        static final Seen NOTHING = new Seen(0, 0, 0, 0);

        Seen and(NodeLife life, long now) {
            long end = life.getEndedAt() == 0 ? now : life.getEndedAt();
            return new Seen(nodes + (life.getEndedAt() == 0 ? 1 : 0), interruptions + (life.getInterrupted() ? 1 : 0), uncovered + (life.getUncovered() ? 1 : 0), livedMillis + Math.max(0, end - life.getBeganAt()));
        }

        Hazard hazard() {
            return Hazard.PRIOR.after(interruptions, Duration.ofMillis(livedMillis));
        }

        /** Whether its machines are taken away more often than is believed of one of which nothing is known. */
        boolean isRaised() {
            return hazard().isRaisedAbove(Hazard.PRIOR);
        }

        /** Mean time between interruptions of one machine that cost work. */
        Duration meanTimeUncovered() {
            return hazard().meanTimeUncovered(interruptions, uncovered);
        }
    }

    /** What was seen of each pool that had a machine. */
    static Map<String, Seen> seen(Transaction state) {
        Map<String, Seen> seen = new TreeMap<>();
        for (NodeLife life : state.records(LIFE, RecordQuery.all().from(state.now() - LOOKED_BACK.toMillis()))) {
            seen.put(life.getPool(), seen.getOrDefault(life.getPool(), Seen.NOTHING).and(life, state.now()));
        }
        return seen;
    }

    /** Every pool. */
    public static List<Pool> all(Transaction state) {
        Map<String, double[]> work = work(state);
        return seen(state).entrySet().stream()
                .map(
                        entry -> {
                            Seen of = entry.getValue();
                            double[] savedAndLost = work.getOrDefault(entry.getKey(), new double[2]);
                            return Pool.newBuilder()
                                    .setName(entry.getKey())
                                    .setNodes((int) of.nodes())
                                    .setInterruptions(of.interruptions())
                                    .setUncovered(of.uncovered())
                                    .setLivedMillis(of.livedMillis())
                                    .setHazardPerHour(of.hazard().perHour())
                                    .setMeanTimeMillis(of.hazard().meanTime().toMillis())
                                    .setRaised(of.isRaised())
                                    .setSaved(savedAndLost[0])
                                    .setLost(savedAndLost[1])
                                    .build();
                        })
                .toList();
    }

    /** CPU seconds that evacuations saved and that were lost, by pool. */
    private static Map<String, double[]> work(Transaction state) {
        Map<String, double[]> work = new TreeMap<>();
        for (Evacuation evacuation : state.records(EvacuationRecords.KIND, RecordQuery.all().from(state.now() - LOOKED_BACK.toMillis()))) {
            double[] sums = work.computeIfAbsent(state.node(evacuation.getNode()).map(Node::getPool).orElse(""), pool -> new double[2]);
            for (Evacuee evacuee : evacuation.getJobsList()) {
                if (hasLost(evacuee)) {
                    sums[1] += evacuee.getWorth();
                } else if (evacuee.getState() == EvacueeState.ELSEWHERE) {
                    sums[0] += evacuee.getWorth();
                }
            }
        }
        return work;
    }
}
