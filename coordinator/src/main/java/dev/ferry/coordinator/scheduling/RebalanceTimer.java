package dev.ferry.coordinator.scheduling;

import dev.ferry.common.Scheduler;
import dev.ferry.common.Strand;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.RebalancePlan;
import dev.ferry.proto.v1.RebalanceRequest;
import dev.ferry.scheduling.rebalance.Windows;
import java.time.Duration;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Rebalances without being asked, in its windows, while somebody waits or runs on a failing GPU and nothing of an earlier plan is still on its way. How many jobs are moved in an hour has a limit, which counts also those that an operator had moved, and those of
 * before a restart.
 */
public final class RebalanceTimer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RebalanceTimer.class);
    private static final Duration LOOK = Duration.ofSeconds(5);
    private static final long HOUR = 3_600_000;
    /** In one plan: what has moved is seen before more is. */
    private static final int MOST_AT_ONCE = 8;

    private final StateStore store;
    private final Function<RebalanceRequest, RebalancePlan> rebalance;
    private final Windows windows;
    private final int mostAnHour;
    private final Scheduler scheduler;
    private final Strand strand;
    private volatile boolean closed;

    /**
     * @param rebalance makes a plan and carries it out
     */
    public RebalanceTimer(StateStore store, SchedulingConfig config, Function<RebalanceRequest, RebalancePlan> rebalance, Scheduler scheduler) {
        this.store = store;
        this.rebalance = rebalance;
        windows = Windows.parse(config.rebalanceWindows());
        mostAnHour = config.rebalanceMoves();
        this.scheduler = scheduler;
        strand = new Strand(scheduler);
    }

    /** Begins to look; without a window it never does. */
    public void start() {
        if (!windows.parts().isEmpty() && !closed) {
            Scheduler.Timer ignored =
                    scheduler.after(
                            LOOK,
                            () ->
                                    strand.execute(
                                            () -> {
                                                look();
                                                start();
                                            }));
        }
    }

    private void look() {
        try {
            int left = closed ? 0 : store.transact(this::left);
            if (left > 0) {
                RebalancePlan plan = rebalance.apply(RebalanceRequest.newBuilder().setMostMoves(Math.min(left, MOST_AT_ONCE)).build());
                plan.getLeavingList().forEach(move -> LOG.info("job {} moves to node {}: {}", move.getJob(), move.getTo(), move.getWhy()));
                plan.getGainsList().forEach(gain -> LOG.info("{} jobs move so that job {} fits on node {}", gain.getMovesCount(), gain.getJob(), gain.getNode()));
            }
        } catch (RuntimeException | Error failed) {
            LOG.error("jobs could not be moved together; it is tried again in {} s", LOOK.toSeconds(), failed);
        }
    }

    /** How many moves may be begun now. */
    private int left(Transaction state) {
        boolean moves = state.openOperations().stream().anyMatch(operation -> operation.getCause().startsWith(Rebalancer.CAUSE));
        if (!windows.contains(state.now()) || moves || state.liveJobs().stream().noneMatch(Queue::waits) && !FailingGpus.hold(state)) {
            return 0;
        }
        return mostAnHour - state.records(DecisionKinds.MOVE, RecordQuery.all().from(state.now() - HOUR)).size();
    }

    @Override
    public void close() {
        closed = true;
    }
}
