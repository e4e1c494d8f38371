package dev.ferry.coordinator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Clock;
import dev.ferry.common.Configs;
import dev.ferry.common.Scheduler;
import dev.ferry.coordinator.api.NodeLoss;
import dev.ferry.coordinator.api.Verbs;
import dev.ferry.coordinator.evacuation.Drills;
import dev.ferry.coordinator.evacuation.Evacuations;
import dev.ferry.coordinator.evacuation.Freshness;
import dev.ferry.coordinator.evacuation.Policies;
import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.coordinator.nodes.LeaseTerms;
import dev.ferry.coordinator.nodes.NodeDirectory;
import dev.ferry.coordinator.operations.Deadlines;
import dev.ferry.coordinator.operations.OperationEngine;
import dev.ferry.coordinator.scheduling.RebalanceTimer;
import dev.ferry.coordinator.scheduling.SchedulingLoop;
import dev.ferry.coordinator.store.Changes;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.RebalancePlan;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** What looks again and again does so whatever one look throws: a loop that ended would be missed by nobody, for ever. */
class LoopsTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final CoordinatorConfig CONFIG = Configs.parse("scheduling: {rebalanceWindows: \"00:00-24:00\"}\n", "the test", CoordinatorConfig.defaults());

    private final Broken store = new Broken();
    private final Deque<Runnable> work = new ArrayDeque<>();
    private final Scheduler scheduler =
            new Scheduler() {
                @Override
                public void execute(Runnable piece) {
                    work.add(piece);
                }

                @Override
                public Timer after(Duration delay, Runnable piece) {
                    work.add(piece);
                    return () -> {
                        boolean ignored = work.remove(piece);
                    };
                }
            };
    private final CommandDesk desk = new CommandDesk();
    private final OperationEngine engine = new OperationEngine(store, desk, new Changes(), new Deadlines(MINUTE, MINUTE, MINUTE, MINUTE), scheduler);
    private final Verbs verbs = new Verbs(store, engine);

    /** A database whose driver has too deep a stack. */
    private static final class Broken implements StateStore {
        private final AtomicInteger asked = new AtomicInteger();

        @Override
        public <T> T transact(Function<Transaction, T> ignored) {
            asked.incrementAndGet();
            StackOverflowError deep = new StackOverflowError("as the test says");
            deep.setStackTrace(new StackTraceElement[0]);
            throw deep;
        }

        @Override
        public void onChange(Consumer<Iterable<String>> listener) {}

        @Override
        public boolean canBeDeposed() {
            return false;
        }

        @Override
        public void close() {}
    }

    private void asksAgain(Runnable start) {
        start.run();
        for (int piece = 0; piece < 40 && !work.isEmpty(); piece++) {
            work.remove().run();
        }
        assertThat(work).as("the loop goes on").isNotEmpty();
        assertThat(store.asked).hasValueGreaterThan(5);
    }

    @Test
    void nodesAreLookedAt() {
        asksAgain(directory()::start);
    }

    private NodeDirectory directory() {
        return new NodeDirectory(store, desk, MINUTE, new LeaseTerms(MINUTE), Clock.SYSTEM, scheduler);
    }

    @Test
    void jobsOfLostNodesAreLookedAt() {
        asksAgain(new NodeLoss(store, verbs, Clock.SYSTEM, scheduler)::start);
    }

    @Test
    void imagesThatAreDueAreLookedAt() {
        asksAgain(new Freshness(store, verbs, new Policies(CONFIG.evacuation()), scheduler)::start);
    }

    @Test
    void drillsAreLookedAt() {
        asksAgain(new Drills(store, verbs, desk, CONFIG.evacuation(), CONFIG.drill(), MINUTE, Clock.SYSTEM, scheduler)::start);
    }

    @Test
    void evacuationsAreLookedAt() {
        Evacuations evacuations = new Evacuations(store, verbs, directory(), desk, CONFIG.evacuation(), Clock.SYSTEM, scheduler);
        asksAgain(() -> evacuations.noticed("node-1"));
    }

    @Test
    void theQueueIsLookedAt() {
        asksAgain(new SchedulingLoop(store, engine, CONFIG.scheduling(), Clock.SYSTEM, scheduler)::start);
    }

    @Test
    void jobsAreMovedTogether() {
        asksAgain(new RebalanceTimer(store, CONFIG.scheduling(), request -> RebalancePlan.getDefaultInstance(), scheduler)::start);
    }
}
