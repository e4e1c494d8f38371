package dev.ferry.coordinator.api;

import dev.ferry.common.Clock;
import dev.ferry.common.FerryException;
import dev.ferry.common.Scheduler;
import dev.ferry.coordinator.evacuation.EvacuationRecords;
import dev.ferry.coordinator.operations.Proofs;
import dev.ferry.coordinator.placement.Placement;
import dev.ferry.coordinator.placement.Usage;
import dev.ferry.coordinator.scheduling.Queue;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.ProofKind;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Restores jobs elsewhere whose node is lost: its lease has surely ended, and they have an image. One for which there is no room waits
 * for it; if its node comes back before, it goes on there.
 */
public final class NodeLoss implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(NodeLoss.class);
    private static final Duration LOOK = Duration.ofMillis(500);
    /** A restore that failed is not begun again at every look. */
    private static final Duration PAUSE = Duration.ofSeconds(30);
    /** Nor is room looked for at every look: that asks for the state of all nodes. */
    private static final Duration NO_ROOM = Duration.ofSeconds(3);

    private final StateStore store;
    private final Verbs verbs;
    private final Scheduler scheduler;
    private final Clock clock;
    /** When a job may be looked at again, on the monotonic clock. */
    private final Map<String, Long> notBefore = new ConcurrentHashMap<>();
    private volatile boolean closed;

    public NodeLoss(StateStore store, Verbs verbs, Clock clock, Scheduler scheduler) {
        this.clock = clock;
        this.store = store;
        this.verbs = verbs;
        this.scheduler = scheduler;
    }

    public void start() {
        Scheduler.Timer ignored = scheduler.after(LOOK, this::look);
    }

    private void look() {
        if (closed) {
            return;
        }
        try {
            notBefore.values().removeIf(end -> clock.nanos() - end > 0);
            store.transact(this::restorable).forEach(this::restore);
        } catch (RuntimeException | Error trouble) {
            LOG.error("jobs of lost nodes could not be looked at", trouble);
        }
        start();
    }

    private void restore(Job job) {
        pause(job, PAUSE);
        try {
            Operation begun = verbs.restore(job.getId(), "", "loss of node " + job.getNode());
            LOG.warn("job {} is restored elsewhere by operation {}: node {} is lost", job.getId(), begun.getId(), job.getNode());
        } catch (FerryException refused) {
            LOG.warn("job {} can't be restored: {}", job.getId(), refused.getMessage());
        }
    }

    private void pause(Job job, Duration time) {
        notBefore.put(job.getId(), clock.nanos() + time.toNanos());
    }

    private List<Job> restorable(Transaction state) {
        List<Job> lost =
                state.liveJobs().stream()
                        .filter(job -> job.getOperation().isEmpty() && !job.getLatestImage().isEmpty() && !notBefore.containsKey(job.getId()))
                        .filter(job -> isProvedByLease(state, job) || isGoneByTheCloudsWord(state, job))
                        .toList();
        if (lost.isEmpty()) {
            return lost;
        }
        Usage usage = Usage.of(state);
        List<Job> restorable = new ArrayList<>();
        for (Job job : lost) {
            if (hasRoom(state, job, usage)) {
                restorable.add(job);
            } else {
                pause(job, NO_ROOM);
            }
        }
        return restorable;
    }

    private static boolean isProvedByLease(Transaction state, Job job) {
        return job.getState() == JobState.UNREACHABLE && Proofs.ofNode(state, job.getNode(), job, job.getIncarnation()).filter(proof -> proof.getKind() == ProofKind.PROOF_LEASE).isPresent();
    }

    /** What an operator declares dead is an operator's to restore; a cloud has nobody. An evacuation that was begun brings its jobs back itself. */
    private static boolean isGoneByTheCloudsWord(Transaction state, Job job) {
        return job.getState() == JobState.LOST && job.getProof().getKind() == ProofKind.PROOF_CLOUD && !EvacuationRecords.bringsBack(state, job);
    }

    /** Looked for before an operation is begun, so that a job that waits for room does not leave one failed operation after the other. */
    private static boolean hasRoom(Transaction state, Job job, Usage usage) {
        Optional<Image> image = state.image(job.getLatestImage());
        try {
            return image.isPresent() && !Placement.choose(state, new Placement.Request(Queue.wish(job), image.map(Image::getRequirements), "", Set.of(), ""), usage).isEmpty();
        } catch (FerryException none) {
            return false;
        }
    }

    @Override
    public void close() {
        closed = true;
    }
}
