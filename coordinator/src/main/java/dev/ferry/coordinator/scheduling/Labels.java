package dev.ferry.coordinator.scheduling;

import dev.ferry.coordinator.accounts.AccountBook;
import dev.ferry.coordinator.placement.GpuShares;
import dev.ferry.coordinator.placement.NodeFit;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Requirements;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * What a job asks of its node besides room (a name, a partition, GPUs, what its image needs) as one bit: jobs that the same nodes suit are of one kind and share it, however they put it. A look at the queue
 * knows {@link #MOST} kinds; the first by priority. Jobs that no node suits take none. Where a node has GPUs of several models, jobs are alike only if the same of them suit.
 */
final class Labels {
    static final int MOST = 62;

    /** Of jobs that no node suits: no node has it. */
    private static final long NOWHERE = 1L << MOST;

    private static final long NONE = 0;

    /** So many times in a look a node is asked whether it suits jobs: a second or two, however many jobs ask each for something else. */
    private static final long MOST_ASKED = 4_000_000;

    private final Transaction state;
    private final AccountBook book;
    private final List<Node> nodes;
    private final long[] ofNodes;
    /** Whether it matters which GPUs an image came from: the drivers of some bring state back only there. */
    private final boolean gpusMatter;
    /** By all that is asked. */
    private final Map<String, Long> known = new HashMap<>();
    /** By the places of the nodes that suit, and of the models there. */
    private final Map<BitSet, Long> bits = new HashMap<>();
    /** Of nodes with several models: their places, behind those of the nodes. */
    private final Map<Model, Integer> models = new HashMap<>();
    /** One GPU of each of these: the others of a model are like it. */
    private final Map<Model, Gpu> samples = new HashMap<>();
    private final Map<Model, Long> unsuited = new HashMap<>();

    private record Model(int node, String name) {}

    private long asked;

    Labels(Transaction state, AccountBook book, List<Node> nodes) {
        this.state = state;
        this.book = book;
        this.nodes = nodes;
        ofNodes = new long[nodes.size()];
        for (int at = 0; at < nodes.size(); at++) {
            for (Map.Entry<String, List<Gpu>> one : GpuShares.models(nodes.get(at)).entrySet()) {
                Model model = new Model(at, one.getKey());
                models.put(model, nodes.size() + models.size());
                samples.put(model, one.getValue().getFirst());
            }
        }
        gpusMatter = nodes.stream().map(Node::getFacts).anyMatch(facts -> facts.getGpuCanSave() && !facts.getGpuCanMap());
    }

    /** The bit of a job; empty: there are too many kinds before it. */
    Optional<Long> of(Job job) {
        return of(job, Set.of());
    }

    /**
     * The same, without some nodes.
     *
     * @param not their names
     */
    Optional<Long> of(Job job, Set<String> not) {
        Optional<Requirements> image = image(job);
        JobSpec wish = Queue.wish(job);
        String kind = wish.getNode() + "|" + job.getQueue().getPartition() + "|" + wish.getGpuModel() + "|" + wish.getGpus() + "|" + image.map(Requirements::toString).orElse("") + "|" + (job.getState() == JobState.PARKED ? job.getNode() : "") + "|" + new TreeSet<>(not);
        Long bit = known.get(kind);
        if (bit == null) {
            if (asked > MOST_ASKED) {
                return Optional.empty();
            }
            asked += nodes.size();
            bit = bit(suited(job, wish, image, not));
            known.put(kind, bit);
        }
        return bit == NONE ? Optional.empty() : Optional.of(bit);
    }

    private BitSet suited(Job job, JobSpec wish, Optional<Requirements> image, Set<String> not) {
        List<String> partition = book.partition(job.getQueue().getPartition()).getNodesList();
        BitSet suited = new BitSet(nodes.size());
        for (int at = 0; at < nodes.size(); at++) {
            Node node = nodes.get(at);
            boolean there = (job.getState() != JobState.PARKED || node.getName().equals(job.getNode())) && !not.contains(node.getName());
            suited.set(at, there && (partition.isEmpty() || partition.contains(node.getName())) && NodeFit.suits(node, wish, image));
        }
        if (wish.getGpus() > 0) {
            models.forEach((model, at) -> suited.set(at, suited.get(model.node()) && GpuShares.suits(Objects.requireNonNull(samples.get(model)), wish, image)));
        }
        return suited;
    }

    private long bit(BitSet suited) {
        if (suited.isEmpty()) {
            return NOWHERE;
        }
        Long there = bits.get(suited);
        if (there != null) {
            return there;
        }
        if (bits.size() == MOST) {
            return NONE;
        }
        long bit = 1L << bits.size();
        bits.put(suited, bit);
        suited.stream().filter(at -> at < nodes.size()).forEach(at -> ofNodes[at] |= bit);
        if (suited.length() > nodes.size()) {
            models.forEach(
                    (model, at) -> {
                        if (suited.get(model.node()) && !suited.get(at)) {
                            unsuited.merge(model, bit, (one, other) -> one | other);
                        }
                    });
        }
        return bit;
    }

    private Optional<Requirements> image(Job job) {
        return job.getState() == JobState.PARKED ? Optional.empty() : Queue.needs(state, job).map(this::matters);
    }

    /** What of an image's needs a look goes by. How much memory of its GPUs a job used is not: others of the same model have as much. */
    private Requirements matters(Requirements needs) {
        Requirements.Builder alike = needs.toBuilder().clearMounts().clearUid().clearGid().clearRootfs().clearWorkdir();
        alike.getGpuUsesBuilderList().forEach(use -> use.clearUsedBytes());
        if (!gpusMatter) {
            alike.getGpuUsesBuilderList().forEach(use -> use.clearUuid());
        }
        return alike.build();
    }

    /** Whether any node has several models. */
    boolean anyModels() {
        return !models.isEmpty();
    }

    /** Bits of the jobs with GPUs that a node suits, but not its GPUs of a model; 0 where it has no others. */
    long unsuited(int at, String model) {
        return unsuited.getOrDefault(new Model(at, model), 0L);
    }

    /** Bits of a node, by its place. */
    long node(int at) {
        return ofNodes[at];
    }
}
