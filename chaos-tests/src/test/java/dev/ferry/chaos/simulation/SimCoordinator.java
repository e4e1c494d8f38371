package dev.ferry.chaos.simulation;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.api.NodeLoss;
import dev.ferry.coordinator.api.Verbs;
import dev.ferry.coordinator.evacuation.EvacuationConfig;
import dev.ferry.coordinator.evacuation.Evacuations;
import dev.ferry.coordinator.leader.Leads;
import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.coordinator.nodes.LeaseTerms;
import dev.ferry.coordinator.nodes.LogRelay;
import dev.ferry.coordinator.nodes.NodeDirectory;
import dev.ferry.coordinator.nodes.NodeStreams;
import dev.ferry.coordinator.operations.Deadlines;
import dev.ferry.coordinator.operations.OperationEngine;
import dev.ferry.coordinator.scheduling.SchedulingConfig;
import dev.ferry.coordinator.scheduling.SchedulingLoop;
import dev.ferry.coordinator.store.Changes;
import dev.ferry.coordinator.store.StateStore;
import java.time.Duration;
import java.util.function.Consumer;

/** One life of a coordinator: the product's own parts, put together as {@code Coordinator} does, without its servers. */
final class SimCoordinator {
    static final Duration HEARTBEAT = Duration.ofSeconds(3);
    static final Duration NODE_TIMEOUT = Duration.ofSeconds(12);
    static final Duration LEASE = Duration.ofSeconds(18);
    private static final long CALL_NANOS = 10_000_000_000L;
    private static final Deadlines DEADLINES = new Deadlines(Duration.ofSeconds(10), Duration.ofSeconds(20), Duration.ofSeconds(20), Duration.ofSeconds(10));

    private final World world;
    private final SimProcess process;
    private final long epoch;
    private final NodeDirectory directory;
    private final Verbs verbs;
    private final NodeStreams streams;
    private final Evacuations evacuations;

    SimCoordinator(World world, SimProcess process, StateStore store, long epoch) {
        this.epoch = epoch;
        this.world = world;
        this.process = process;
        Changes changes = new Changes();
        store.onChange(changes::tell);
        CommandDesk desk = new CommandDesk();
        directory = new NodeDirectory(store, desk, NODE_TIMEOUT, new LeaseTerms(LEASE), process, process);
        OperationEngine engine = new OperationEngine(store, desk, changes, DEADLINES, process);
        verbs = new Verbs(store, engine);
        streams = new NodeStreams(store, desk, directory, new LogRelay(desk), new NodeStreams.Terms(HEARTBEAT, LEASE), Leads.ALONE, process, process);
        evacuations = new Evacuations(store, verbs, directory, desk, EvacuationConfig.defaults(), process, process);
        SchedulingLoop scheduling = new SchedulingLoop(store, engine, SchedulingConfig.defaults(), process, process);
        engine.resumeAll();
        evacuations.start();
        directory.start();
        scheduling.start();
        new NodeLoss(store, verbs, process, process).start();
    }

    SimProcess process() {
        return process;
    }

    /** In which it leads, or led. */
    long epoch() {
        return epoch;
    }

    NodeStreams streams() {
        return streams;
    }

    NodeDirectory directory() {
        return directory;
    }

    Evacuations evacuations() {
        return evacuations;
    }

    /** A user's call, which may be refused. It is over when its deadline has passed before it could be served. */
    void ask(String what, Consumer<Verbs> call) {
        long asked = world.simulation().now();
        world.simulation()
                .schedule(
                        process,
                        0,
                        () -> {
                            if (world.simulation().now() - asked > CALL_NANOS) {
                                world.simulation().trace(() -> "a user asks: " + what + ": no answer in time");
                                return;
                            }
                            try {
                                call.accept(verbs);
                                world.simulation().trace(() -> "a user asks: " + what);
                            } catch (FerryException refused) {
                                world.simulation().trace(() -> "a user asks: " + what + ": " + refused.getMessage());
                            }
                        });
    }
}
