package dev.ferry.chaos.simulation;

import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.ProofKind;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A cluster in one thread and in virtual time: the product's coordinator, nodes whose daemons keep the product's rules, a database
 * and a store that fail, users who ask, and all the faults of {@link Faults}. Doubles that break a rule on purpose override a method.
 */
class World extends Moments {
    private static final int NODES = 3;
    private static final long LIVENESS_NANOS = 10L * 60 * 1_000_000_000;
    private static final int LOOK_EVENTS = 25;
    private static final double WITH_LEASES = 0.9;
    private static final double ALONE = 0.25;

    private final long seed;
    private final Simulation simulation;
    private final boolean leases;
    private final boolean alone;
    private final MemoryTables tables = new MemoryTables();
    private final SimProcess nobody;
    private final Invariants invariants;
    private final Faults faults;
    private final Workload workload;
    private final SimImages images = new SimImages();
    private final List<SimNode> nodes = new ArrayList<>();
    private final List<SimCoordinator> coordinators = new ArrayList<>();

    World(long seed, boolean tracing) {
        this.seed = seed;
        simulation = new Simulation(seed, tracing);
        leases = simulation.chance(WITH_LEASES);
        alone = simulation.chance(ALONE);
        nobody = new SimProcess(new SimMachine(simulation), "nobody");
        invariants = new Invariants(this, tables);
        faults = new Faults(this);
        workload = new Workload(this);
    }

    /**
     * Lets the world go on for a number of events, then without faults until all is settled.
     *
     * @throws Violation with the seed
     */
    final void run(int events) {
        Ids.drawnFrom(simulation.random(), () -> live(events));
    }

    /** A coordinator and its nodes, all of them well. */
    final void begin() {
        newLeader();
        for (int i = 1; i <= NODES; i++) {
            nodes.add(new SimNode(this, "node-" + i));
        }
        nodes.forEach(SimNode::startDaemon);
    }

    private void live(int events) {
        begin();
        simulation.schedule(nobody, simulation.between(100, 1000), workload::run);
        simulation.schedule(nobody, simulation.between(100, 1000), workload::run);
        faults.begin();
        tick();
        // An outage and what comes of it take their time.
        long enough = faults.outages() ? 2L * events : events;
        while (simulation.events() < enough) {
            step();
        }
        faults.stop();
        settle();
    }

    private void tick() {
        simulation.schedule(
                nobody,
                simulation.between(10, 4000),
                () -> {
                    if (faults.active()) {
                        if (simulation.chance(0.6)) {
                            workload.ask();
                        } else {
                            faults.strike();
                        }
                        tick();
                    }
                });
    }

    /** Lets one thing happen, and looks. */
    final void step() {
        if (!simulation.step()) {
            throw new Violation(Invariant.EVERY_OPERATION_ENDS, "nothing is left to happen");
        }
        invariants.check();
    }

    /** Lets the world go on until all is as it must be when nothing goes wrong any more. */
    final void settle() {
        long end = simulation.now() + LIVENESS_NANOS;
        Optional<String> unsettled = invariants.unsettled();
        while (unsettled.isPresent()) {
            if (simulation.now() > end) {
                throw new Violation(Invariant.EVERY_OPERATION_ENDS, unsettled.get() + "; daemons: " + nodes.stream().map(SimNode::daemon).toList() + "; coordinators: " + coordinators.stream().map(one -> one.process() + (one.process().isDead() ? " (dead)" : one.process().isPaused() ? " (stopped)" : "")).toList());
            }
            for (int i = 0; i < LOOK_EVENTS; i++) {
                step();
            }
            unsettled = invariants.unsettled();
        }
    }

    long seed() {
        return seed;
    }

    Simulation simulation() {
        return simulation;
    }

    MemoryTables tables() {
        return tables;
    }

    SimProcess nobody() {
        return nobody;
    }

    Invariants invariants() {
        return invariants;
    }

    @Override
    Faults faults() {
        return faults;
    }

    SimImages images() {
        return images;
    }

    List<SimNode> nodes() {
        return nodes;
    }

    /** Whether the nodes' daemons keep leases; those of an older Ferry don't. */
    boolean leases() {
        return leases;
    }

    /** Whether there is one coordinator only, on a database that no other one can write to. */
    boolean alone() {
        return alone;
    }

    /** A coordinator's door to the database. */
    StateStore open(SimProcess process, long epoch) {
        return new MemoryStateStore(tables, this, process, epoch);
    }

    SimCoordinator leader() {
        return coordinators.getLast();
    }

    /** Whom a daemon reaches: mostly the leader, now and then one that does not know that it is none. */
    Optional<SimCoordinator> anyCoordinator(SimNode node) {
        List<SimCoordinator> alive = coordinators.stream().filter(one -> !one.process().isDead()).toList();
        if (alive.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(simulation.chance(0.9) ? alive.getLast() : simulation.pick(alive));
    }

    /** A coordinator takes over, whether or not the one before it knows. */
    final void newLeader() {
        tables.epoch++;
        SimProcess process = new SimProcess(new SimMachine(simulation), "coordinator " + tables.epoch);
        simulation.trace(() -> process + " leads");
        try {
            if (!Simulation.survives(() -> coordinators.add(new SimCoordinator(this, process, open(process, tables.epoch), tables.epoch)))) {
                simulation.trace(() -> process + " is killed at its start");
            }
        } catch (FerryException failed) {
            simulation.trace(() -> process + " can't start: " + failed.getMessage());
            process.kill();
            simulation.schedule(nobody, simulation.between(100, 2000), this::newLeaderIfNone);
        }
    }

    void newLeaderIfNone() {
        if (coordinators.isEmpty() || leader().process().isDead() || leader().epoch() != tables.epoch) {
            newLeader();
        }
    }

    /** A process was killed by {@link Faults#maybeCrash}: somebody starts it again. */
    void crashed(SimProcess process) {
        process.kill();
        Optional<SimNode> node = nodes.stream().filter(one -> one.daemon() != null && one.daemon().process() == process).findFirst();
        if (node.isPresent()) {
            node.get().killDaemon();
            simulation.schedule(nobody, simulation.between(50, 25_000), () -> restartDaemon(node.get()));
        } else {
            simulation.schedule(nobody, simulation.between(50, 25_000), this::newLeaderIfNone);
        }
    }

    /** A coordinator has read in the database that another one leads: it ends soon. */
    void stepsDown(SimProcess process) {
        simulation.schedule(nobody, simulation.between(1, 2000), process::kill);
    }

    void restartDaemon(SimNode node) {
        if (node.isUp() && node.daemon().process().isDead()) {
            simulation.trace(() -> "the daemon of " + node + " starts");
            node.startDaemon();
        }
    }

    void bootMachine(SimNode node) {
        if (!node.isUp()) {
            simulation.trace(() -> node + " boots");
            node.boot();
        }
    }

    /** An operator has seen that a machine is off. */
    void declareDead(SimNode node) {
        if (!node.isUp()) {
            SimCoordinator asked = leader();
            asked.ask("declare-dead " + node, verbs -> asked.directory().declareDead(node.name(), ProofKind.PROOF_OPERATOR, "an operator"));
        }
    }

    /** An operator opens a node again, as FerryApi does. */
    void undrain(SimNode node) {
        SimCoordinator asked = leader();
        asked.ask(
                "undrain " + node,
                verbs -> {
                    asked.evacuations().takeBack(node.name());
                    var unused = asked.directory().undrain(node.name());
                });
    }

    /** All that was stopped goes on, all that was killed is started, and every node takes jobs. */
    void repair() {
        nodes.forEach(this::bootMachine);
        nodes.forEach(this::restartDaemon);
        nodes.stream().map(node -> node.daemon().process()).filter(SimProcess::isPaused).forEach(SimProcess::resume);
        coordinators.stream().map(SimCoordinator::process).filter(one -> one != leader().process()).forEach(SimProcess::kill);
        if (leader().process().isPaused()) {
            leader().process().resume();
        }
        newLeaderIfNone();
        nodes.forEach(this::undrain);
    }
}
