package dev.ferry.coordinator.scheduling;

import dev.ferry.coordinator.accounts.AccountBook;
import dev.ferry.coordinator.placement.NodeFit;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Requirements;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a job asks of its node besides room (a name, a partition, a model of GPU, what its image needs) as one bit: jobs that ask for the same share it. A look at the queue knows {@link #MOST} such kinds of
 * jobs; the first by priority.
 */
final class Labels {
    static final int MOST = 62;

    private final Transaction state;
    private final AccountBook book;
    private final List<Node> nodes;
    private final long[] ofNodes;
    private final Map<String, Long> bits = new LinkedHashMap<>();

    Labels(Transaction state, AccountBook book, List<Node> nodes) {
        this.state = state;
        this.book = book;
        this.nodes = nodes;
        ofNodes = new long[nodes.size()];
    }

    /** The bit of a job; empty: there are too many kinds before it. */
    Optional<Long> of(Job job) {
        Optional<Requirements> image = image(job);
        JobSpec wish = Queue.wish(job);
        String kind = wish.getNode() + "|" + job.getQueue().getPartition() + "|" + job.getSpec().getGpuModel() + "|" + job.getSpec().getGpus() + "|" + image.map(Labels::print).orElse("") + "|" + (job.getState() == JobState.PARKED ? job.getNode() : "");
        Long known = bits.get(kind);
        if (known != null) {
            return Optional.of(known);
        }
        if (bits.size() == MOST) {
            return Optional.empty();
        }
        long bit = 1L << bits.size();
        bits.put(kind, bit);
        List<String> partition = book.partition(job.getQueue().getPartition()).getNodesList();
        for (int at = 0; at < nodes.size(); at++) {
            Node node = nodes.get(at);
            boolean there = job.getState() != JobState.PARKED || node.getName().equals(job.getNode());
            if (there && (partition.isEmpty() || partition.contains(node.getName())) && NodeFit.couldTake(node, wish, image)) {
                ofNodes[at] |= bit;
            }
        }
        return Optional.of(bit);
    }

    private Optional<Requirements> image(Job job) {
        return job.getState() == JobState.PARKED ? Optional.empty() : Queue.needs(state, job);
    }

    /** Which GPUs it came from does not matter, only what they are. */
    private static String print(Requirements needs) {
        Requirements.Builder alike = needs.toBuilder();
        alike.getGpuUsesBuilderList().forEach(use -> use.clearUuid());
        return alike.build().toString();
    }

    /** Bits of a node, by its place. */
    long node(int at) {
        return ofNodes[at];
    }
}
