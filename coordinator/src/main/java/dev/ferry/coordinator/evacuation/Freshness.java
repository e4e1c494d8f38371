package dev.ferry.coordinator.evacuation;

import dev.ferry.common.FerryException;
import dev.ferry.common.Scheduler;
import dev.ferry.coordinator.api.Verbs;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobPolicy;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes images of running jobs when they are due, one at a time on each node, and keeps the books of machines' lives that say how often. */
public final class Freshness implements AutoCloseable {
    /** What stands as the cause of every image that is made in the background. */
    static final String CAUSE = "background image";

    private static final Logger LOG = LoggerFactory.getLogger(Freshness.class);
    private static final Duration LOOK = Duration.ofSeconds(1);
    /** A job that could not be saved is not frozen for nothing again and again. */
    private static final Duration AFTER_FAILURE = Duration.ofMinutes(10);

    /** Of the nodes, those that make images at a time that nobody has asked for: a pool that turns out to lose machines must not send all of its jobs at once. */
    private static final double UNASKED_PART = 0.1;

    private final StateStore store;
    private final Verbs verbs;
    private final Policies policies;
    private final Scheduler scheduler;
    private volatile boolean closed;

    public Freshness(StateStore store, Verbs verbs, Policies policies, Scheduler scheduler) {
        this.store = store;
        this.verbs = verbs;
        this.policies = policies;
        this.scheduler = scheduler;
    }

    public void start() {
        Scheduler.Timer ignored = scheduler.after(LOOK, this::tick);
    }

    private void tick() {
        if (closed) {
            return;
        }
        try {
            look();
        } catch (RuntimeException | Error failed) {
            LOG.error("jobs could not be looked at for images that are due", failed);
        }
        start();
    }

    private void look() {
        store.transact(
                state -> {
                    Pools.keepBooks(state);
                    return true;
                });
        for (String job : store.transact(state -> due(state, policies))) {
            try {
                Operation begun = verbs.checkpoint(job, CAUSE);
                LOG.debug("image of job {} is due ({})", job, begun.getId());
            } catch (FerryException refused) {
                LOG.debug("image of job {} is not begun: {}", job, refused.getMessage());
            }
        }
    }

    /** Jobs whose image is due, of each node one at most: two at once would freeze both for longer. */
    static List<String> due(Transaction state, Policies policies) {
        Set<String> busy =
                state.openOperations().stream().filter(operation -> operation.getKind() == OperationKind.CHECKPOINT).map(Operation::getSourceNode).collect(Collectors.toCollection(HashSet::new));
        // What is moved away anyway gets its image by that.
        EvacuationRecords.open(state).stream().filter(EvacuationRecords::isMoving).map(evacuation -> evacuation.getNode()).forEach(busy::add);
        PolicyLook look = policies.look(state);
        long most = Math.max(1, Math.round(UNASKED_PART * state.nodes().size()));
        long unasked =
                state.openOperations().stream()
                        .filter(operation -> operation.getKind() == OperationKind.CHECKPOINT && operation.getCause().equals(CAUSE) && state.job(operation.getJob()).filter(look::isUnasked).isPresent())
                        .count();
        List<Due> waiting = new ArrayList<>();
        for (Job job : state.liveJobs()) {
            if (job.getState() == JobState.RUNNING && job.getOperation().isEmpty() && !busy.contains(job.getNode())) {
                since(state, look, job).ifPresent(at -> waiting.add(new Due(job, at)));
            }
        }
        // Who waits longest is first: a job that is due again and again must not have its node for itself.
        waiting.sort(Comparator.comparingLong(Due::since));
        List<String> due = new ArrayList<>();
        for (Due next : waiting) {
            boolean ofUnasked = look.isUnasked(next.job());
            if ((unasked < most || !ofUnasked) && busy.add(next.job().getNode())) {
                due.add(next.job().getId());
                unasked += ofUnasked ? 1 : 0;
            }
        }
        return due;
    }

    /**
     * One whose image is due.
     *
     * @param since milliseconds since 1970
     */
    private record Due(Job job, long since) {}

    /** Since when a job's image is due; empty: it is not. */
    private static OptionalLong since(Transaction state, PolicyLook look, Job job) {
        try {
            if (!look.makesImages(job)) {
                return OptionalLong.empty();
            }
            JobPolicy policy = look.show(job);
            boolean due = policy.getIntervalMillis() > 0 && policy.getNextAt() <= state.now() && new JobHistory(state, job, CAUSE).mayTryAfter(state.now(), AFTER_FAILURE);
            return due ? OptionalLong.of(policy.getNextAt()) : OptionalLong.empty();
        } catch (FerryException | ArithmeticException unusable) {
            // What one job's policy says must not keep all others from their images.
            LOG.warn("the policy of job {} can't be followed: {}", job.getId(), unusable.toString());
            return OptionalLong.empty();
        }
    }

    @Override
    public void close() {
        closed = true;
    }
}
