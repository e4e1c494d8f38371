package dev.ferry.coordinator.scheduling;

import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeFacts;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Whether a running job could go on on each of the nodes that its kind of job may be on. What its image would need is known only when there is one; where all of these nodes are like its own it needs nothing that they lack. Where they are not
 * it is not moved by the queue: a move that can't be made would be found out when others have made room already.
 */
final class Likeness {
    private final List<Node> nodes;
    private final Labels labels;
    /** Number of what matters of each node, without GPUs and with: equal numbers are alike. */
    private final int[][] prints;
    private final Map<Asked, Boolean> known = new HashMap<>();

    private record Asked(long label, boolean withGpus, int print) {}

    Likeness(List<Node> nodes, Labels labels) {
        this.nodes = nodes;
        this.labels = labels;
        prints = new int[][] {numbers(nodes, false), numbers(nodes, true)};
    }

    private static int[] numbers(List<Node> nodes, boolean withGpus) {
        Map<NodeFacts, Integer> numbers = new HashMap<>();
        return nodes.stream().mapToInt(node -> numbers.computeIfAbsent(matters(node.getFacts(), withGpus), none -> numbers.size())).toArray();
    }

    /**
     * @param label the bit of the job's kind
     * @param at its node's place
     * @param withGpus whether it has GPU state
     */
    boolean isEverywhere(long label, int at, boolean withGpus) {
        if (withGpus && !nodes.get(at).getFacts().getGpuCanMap()) {
            return false;
        }
        int[] print = prints[withGpus ? 1 : 0];
        return known.computeIfAbsent(new Asked(label, withGpus, print[at]), asked -> IntStream.range(0, nodes.size()).allMatch(node -> (labels.node(node) & label) != label || print[node] == asked.print()));
    }

    /** What images need of their nodes; of GPUs only what they are. */
    private static NodeFacts matters(NodeFacts facts, boolean withGpus) {
        NodeFacts.Builder matters = NodeFacts.newBuilder().setArchitecture(facts.getArchitecture()).addAllCpuFeatures(facts.getCpuFeaturesList()).setKernel(facts.getKernel()).setCriuVersion(facts.getCriuVersion());
        if (withGpus) {
            matters.setGpuCanSave(facts.getGpuCanSave()).setGpuCanMap(facts.getGpuCanMap()).setGpuNote(facts.getGpuNote()).setGpuPlaces(facts.getGpuPlaces());
            facts.getGpusList().stream().map(gpu -> Gpu.newBuilder().setModel(gpu.getModel()).setMemoryBytes(gpu.getMemoryBytes()).build()).distinct().forEach(matters::addGpus);
        }
        return matters.build();
    }
}
