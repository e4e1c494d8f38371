package dev.ferry.coordinator.scheduling;

import dev.ferry.common.Clock;
import dev.ferry.common.Durations;
import dev.ferry.common.Ids;
import dev.ferry.common.Scheduler;
import dev.ferry.common.Strand;
import dev.ferry.coordinator.accounts.Metering;
import dev.ferry.coordinator.operations.OperationEngine;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.JobDemand;
import dev.ferry.proto.v1.PassInput;
import dev.ferry.proto.v1.PassOutput;
import dev.ferry.proto.v1.PassWaiting;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.StreamSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks at the queue after each change in the cluster, and at every tick: one look after the other, in one transaction each. Many changes in a short time cost one look, and looks that take long come
 * less often, so that they never take more than a part of the coordinator's time.
 */
public final class SchedulingLoop implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SchedulingLoop.class);

    /** Short for people, long for a burst of changes. */
    private static final Duration GATHERING = Duration.ofMillis(20);

    /** So many times as long as a look took is waited before the next. */
    private static final int REST = 4;

    private static final Duration AGAIN = Duration.ofSeconds(1);

    /** How often the queue is looked at while somebody waits and nothing changes. */
    private static final Duration WAITING = Duration.ofSeconds(1);

    private static final int ID_LENGTH = 8;

    /** So many times in a look it is decided anew because a node could not take a job after all. */
    private static final int MOST_TIMES = 8;

    private final StateStore store;
    private final OperationEngine engine;
    private final SchedulingConfig config;
    private final Clock clock;
    private final Scheduler scheduler;
    private final Strand strand;
    private final WallSteps steps;
    private final Duration tick;
    private final AtomicBoolean called = new AtomicBoolean();
    private volatile Duration rest = GATHERING;
    private Scheduler.Timer limit = () -> {};
    private boolean tried;
    private boolean tickIsMissed;
    private volatile boolean closed;

    public SchedulingLoop(StateStore store, OperationEngine engine, SchedulingConfig config, Clock clock, Scheduler scheduler) {
        this.store = store;
        this.engine = engine;
        this.config = config;
        this.clock = clock;
        this.scheduler = scheduler;
        strand = new Strand(scheduler);
        steps = new WallSteps(clock);
        tick = Durations.parse(config.tick());
    }

    /** Begins to look. */
    public void start() {
        store.onChange(
                keys -> {
                    // What jobs use is told by each node every few seconds, and is looked at with everything else.
                    if (StreamSupport.stream(keys.spliterator(), false).anyMatch(key -> !Metering.isCount(key))) {
                        call();
                    }
                });
        ticks();
        call();
    }

    private void ticks() {
        Scheduler.Timer ignored =
                scheduler.after(
                        tick,
                        () -> {
                            if (!closed) {
                                strand.execute(() -> look(true));
                                ticks();
                            }
                        });
    }

    /** Something has changed: a look follows soon. */
    private void call() {
        if (!closed && called.compareAndSet(false, true)) {
            Scheduler.Timer ignored =
                    scheduler.after(
                            rest,
                            () ->
                                    strand.execute(
                                            () -> {
                                                called.set(false);
                                                look(false);
                                            }));
        }
    }

    private void look(boolean isTick) {
        if (closed) {
            return;
        }
        long began = clock.nanos();
        try {
            meter(isTick);
            boolean waits = decide();
            endOverTime();
            if (waits) {
                // Some reasons to wait end by themselves: delays, minimum run times, pauses.
                Scheduler.Timer ignored = scheduler.after(rest.compareTo(WAITING) > 0 ? rest : WAITING, this::call);
            }
        } catch (RuntimeException | Error failed) {
            // The database fails for a while: what was seen is seen again.
            LOG.error("the queue could not be looked at; it is tried again in {} s", AGAIN.toSeconds(), failed);
            again(isTick);
        }
        Duration longer = clock.since(began).multipliedBy(REST);
        rest = longer.compareTo(GATHERING) > 0 ? longer : GATHERING;
    }

    /** At most one at a time, however many looks fail meanwhile. */
    private void again(boolean isTick) {
        tickIsMissed |= isTick;
        if (!tried) {
            tried = true;
            Scheduler.Timer ignored = scheduler.after(AGAIN, () -> strand.execute(() -> {
                boolean tick = tickIsMissed;
                tried = false;
                tickIsMissed = false;
                look(tick);
            }));
        }
    }

    private void endOverTime() {
        TimeLimits.Over over = store.transact(TimeLimits::end);
        over.operations().forEach(engine::drive);
        limit.cancel();
        limit = over.next() == 0 ? () -> {} : scheduler.after(Duration.ofMillis(over.next()), this::call);
    }

    private void meter(boolean isTick) {
        long step = steps.pending();
        List<String> begun =
                store.transact(
                        state -> {
                            if (step != 0) {
                                Metering.step(state, step);
                            }
                            Metering.look(state, config, isTick);
                            if (isTick) {
                                DecisionLog.prune(state, config);
                            }
                            return TimeLimits.leaveTheQueue(state);
                        });
        steps.taken(step);
        begun.forEach(engine::drive);
    }

    /** What a look began, and whether somebody waits after it. */
    private record Looked(List<String> operations, boolean waits) {}

    private boolean decide() {
        Looked looked = store.transact(this::decide);
        looked.operations().forEach(engine::drive);
        return looked.waits();
    }

    private Looked decide(Transaction state) {
        List<String> operations = new ArrayList<>(Claims.settle(state));
        Map<String, Set<String>> refused = new HashMap<>();
        for (int times = 1; state.liveJobs().stream().anyMatch(Queue::waits); times++) {
            if (decide(state, operations, refused, times == MOST_TIMES)) {
                return new Looked(operations, true);
            }
        }
        return new Looked(operations, false);
    }

    /**
     * Decides, and writes who starts. Where a node could not take somebody after all, the rest is not written: it was decided as if the room were his.
     *
     * @param refused by the ids of jobs, nodes that could not take them; added to
     * @param last all is written
     * @return whether all is written
     */
    private boolean decide(Transaction state, List<String> operations, Map<String, Set<String>> refused, boolean last) {
        PassInput input = PassReader.read(state, config, refused);
        PassOutput output = PassDecider.decide(input);
        String id = "d-" + Ids.random(ID_LENGTH);
        PassWriter writer = new PassWriter(state, output, id);
        Map<String, String> none = writer.start();
        boolean all = none.isEmpty() || last;
        if (all) {
            writer.write();
        } else {
            none.forEach((job, node) -> refuse(input, job, node, refused));
        }
        if (!writer.operations().isEmpty()) {
            DecisionLog.record(state, id, input, output, writer);
            LOG.info("decision {}: {}", id, writer.summary());
        }
        operations.addAll(writer.operations());
        return all;
    }

    /** Those of its kind that want as many GPUs would be refused there too: it need not be tried with each. */
    private static void refuse(PassInput input, String job, String node, Map<String, Set<String>> refused) {
        JobDemand demand = input.getWaitingList().stream().filter(one -> one.getJob().equals(job)).findFirst().orElseThrow().getDemand();
        for (PassWaiting one : input.getWaitingList()) {
            JobDemand other = one.getDemand();
            boolean alike = demand.getGpus() > 0 && one.getHeld().isEmpty() && other.getLabels() == demand.getLabels() && other.getGpus() >= demand.getGpus();
            if (alike || one.getJob().equals(job)) {
                boolean ignored = refused.computeIfAbsent(one.getJob(), first -> new HashSet<>()).add(node);
            }
        }
    }

    @Override
    public void close() {
        closed = true;
    }
}
