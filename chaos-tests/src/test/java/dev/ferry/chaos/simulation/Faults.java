package dev.ferry.chaos.simulation;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** What goes wrong in a world. Which kinds, and how often, differs from seed to seed; {@link #stop} ends all of it. */
final class Faults {
    private static final long HOUR_MILLIS = 3_600_000;

    private final World world;
    private final Simulation simulation;
    /** Nodes are lost for longer than a lease when their jobs have images, and the rest is well enough to do something about it. */
    private final boolean outages;
    private final double crashRate;
    private final List<Runnable> kinds = new ArrayList<>();
    private final Set<String> partitioned = new HashSet<>();
    private final Set<SimNode> isolated = new LinkedHashSet<>();
    private final Map<String, List<Runnable>> held = new TreeMap<>();
    private boolean active = true;
    private long databaseFailsUntil;
    private long storeFailsUntil;

    Faults(World world) {
        this.world = world;
        simulation = world.simulation();
        outages = world.leases() && simulation.chance(0.4);
        crashRate = outages || simulation.chance(0.5) ? 0 : simulation.random().nextDouble(0.02);
        List<Runnable> all =
                new ArrayList<>(
                        List.of(
                                this::killDaemon,
                                this::pauseDaemon,
                                this::crashMachine,
                                this::restoreJournal,
                                this::killCoordinator,
                                this::pauseCoordinator,
                                this::failDatabase,
                                this::failStore,
                                this::partition,
                                this::isolate,
                                this::jumpClock,
                                this::killJob,
                                this::killWatchdog));
        if (!world.alone()) {
            all.add(this::replaceCoordinator);
        }
        if (outages) {
            // No lease may be counted on a clock that is set while its node is cut off.
            kinds.addAll(List.of(this::isolate, this::jumpClock));
        }
        // A few kinds at a time find more than all of them at once: they meet more often.
        int kindsHere = 1 + simulation.random().nextInt(4);
        for (int i = 0; i < kindsHere; i++) {
            kinds.add(simulation.pick(all));
        }
    }

    /** The world begins. */
    void begin() {
        if (outages) {
            after(8_000, 25_000, this::isolate);
        }
    }

    boolean outages() {
        return outages;
    }

    boolean active() {
        return active;
    }

    /** One fault. */
    void strike() {
        if (active) {
            simulation.pick(kinds).run();
        }
    }

    /** From now on nothing goes wrong, and what was down comes back. */
    void stop() {
        active = false;
        databaseFailsUntil = 0;
        storeFailsUntil = 0;
        isolated.clear();
        List.copyOf(held.keySet()).forEach(this::heal);
        List.copyOf(partitioned).forEach(this::heal);
        world.repair();
    }

    private void after(long fromMillis, long toMillis, Runnable what) {
        simulation.schedule(world.nobody(), simulation.between(fromMillis, toMillis), what);
    }

    private void killDaemon() {
        SimNode node = simulation.pick(world.nodes());
        if (node.isUp() && !node.daemon().process().isDead()) {
            simulation.trace(() -> "kill -9 of " + node.daemon().process());
            node.killDaemon();
            after(50, simulation.chance(0.3) ? 90_000 : 25_000, () -> world.restartDaemon(node));
        }
    }

    private void pauseDaemon() {
        SimNode node = simulation.pick(world.nodes());
        SimProcess process = node.daemon().process();
        if (process.isRunning()) {
            simulation.trace(() -> process + " is stopped");
            process.pause();
            after(100, 60_000, () -> proceed(process));
        }
    }

    private void proceed(SimProcess process) {
        if (process.isPaused() && !process.isDead()) {
            simulation.trace(() -> process + " goes on");
            process.resume();
        }
    }

    private void crashMachine() {
        SimNode node = simulation.pick(world.nodes());
        if (node.isUp()) {
            simulation.trace(() -> node + " loses its power");
            node.crash();
            if (simulation.chance(0.5)) {
                after(500, 20_000, () -> world.declareDead(node));
            }
            after(500, 90_000, () -> world.bootMachine(node));
        }
    }

    /** A daemon comes back with what its folder held some time ago. */
    private void restoreJournal() {
        SimNode node = simulation.pick(world.nodes());
        if (!node.isUp()) {
            return;
        }
        if (simulation.chance(0.5)) {
            node.backUp();
        } else if (!node.daemon().process().isDead()) {
            simulation.trace(() -> node + "'s journals are what they were at the last backup");
            node.killDaemon();
            node.restoreBackup();
            after(50, 25_000, () -> world.restartDaemon(node));
        }
    }

    private void killCoordinator() {
        SimProcess process = world.leader().process();
        if (!process.isDead()) {
            kill(process);
        }
    }

    private void kill(SimProcess process) {
        simulation.trace(() -> "kill -9 of " + process);
        process.kill();
        after(50, 25_000, world::newLeaderIfNone);
    }

    /** The leader stands still, and nobody takes over: what it did not hear meanwhile says nothing. */
    private void pauseCoordinator() {
        SimProcess process = world.leader().process();
        if (process.isRunning()) {
            simulation.trace(() -> process + " is stopped");
            process.pause();
            after(100, 60_000, () -> proceed(process));
        }
    }

    private void killWatchdog() {
        SimNode node = simulation.pick(world.nodes());
        // Who kills both at the same moment has taken the freezing away (docs/leases.md).
        if (node.isUp() && node.daemon().process().isRunning()) {
            simulation.trace(() -> "kill -9 of " + node + "'s watchdog");
            node.lease().loseWatchdog();
        }
    }

    /** The leader stands still, another takes over, and then the first one goes on as if nothing had been. */
    private void replaceCoordinator() {
        SimProcess old = world.leader().process();
        if (!old.isRunning()) {
            return;
        }
        simulation.trace(() -> old + " is stopped");
        old.pause();
        after(1000, 20_000, world::newLeader);
        after(2000, 60_000, () -> proceed(old));
    }

    private void failDatabase() {
        databaseFailsUntil = simulation.now() + simulation.between(100, 15_000);
        simulation.trace(() -> "the database fails");
    }

    boolean databaseFails() {
        return simulation.now() < databaseFailsUntil && simulation.chance(0.5);
    }

    /** Whether what a transaction has written is not answered. */
    boolean answerIsLost() {
        return simulation.now() < databaseFailsUntil && simulation.chance(0.2);
    }

    private void failStore() {
        storeFailsUntil = simulation.now() + simulation.between(100, 30_000);
        simulation.trace(() -> "the store of images fails");
    }

    boolean storeFails() {
        return simulation.now() < storeFailsUntil && simulation.chance(0.8);
    }

    private void partition() {
        SimNode node = simulation.pick(world.nodes());
        String pair = pair(node, world.leader());
        if (partitioned.add(pair)) {
            simulation.trace(() -> pair + " are cut off from each other");
            after(500, 120_000, () -> heal(pair));
        }
    }

    /** Whoever leads, and whoever will: for longer than a lease, as a rule. */
    private void isolate() {
        List<SimNode> busy = world.nodes().stream().filter(node -> !node.copies().isEmpty()).toList();
        SimNode node = simulation.pick(busy.isEmpty() || simulation.chance(0.2) ? world.nodes() : busy);
        if (active && isolated.isEmpty() && isolated.add(node)) {
            simulation.trace(() -> node + " is cut off from everybody");
            after(10_000, 60_000, () -> join(node));
        }
    }

    private void join(SimNode node) {
        if (isolated.remove(node)) {
            simulation.trace(() -> node + " is reached again");
            List.copyOf(held.keySet()).stream().filter(pair -> pair.startsWith(node + " and ") && !partitioned.contains(pair)).forEach(this::heal);
        }
    }

    private static String pair(SimNode node, SimCoordinator coordinator) {
        return node + " and " + coordinator.process();
    }

    boolean isPartitioned(SimNode node, SimCoordinator coordinator) {
        return isolated.contains(node) || partitioned.contains(pair(node, coordinator));
    }

    void whenHealed(SimNode node, SimCoordinator coordinator, Runnable deliver) {
        held.computeIfAbsent(pair(node, coordinator), pair -> new ArrayList<>()).add(deliver);
    }

    private void heal(String pair) {
        if (partitioned.remove(pair)) {
            simulation.trace(() -> pair + " reach each other again");
        }
        List<Runnable> waiting = held.remove(pair);
        // Who is isolated all the same holds it back again.
        if (waiting != null) {
            waiting.forEach(Runnable::run);
        }
    }

    private void jumpClock() {
        long millis = simulation.random().nextLong(-HOUR_MILLIS, HOUR_MILLIS);
        // Most likely where the servers that keep it right are not reached.
        List<SimNode> where = isolated.isEmpty() || simulation.chance(0.3) ? world.nodes() : List.copyOf(isolated);
        SimMachine machine = simulation.chance(0.2) ? world.leader().process().machine() : simulation.pick(where).machine();
        simulation.trace(() -> "a wall clock jumps by " + millis + " ms");
        machine.jump(millis);
    }

    /** As the kernel does when memory is short. */
    private void killJob() {
        SimNode node = simulation.pick(world.nodes());
        List<SimNode.Copy> copies = List.copyOf(node.copies());
        if (!copies.isEmpty()) {
            SimNode.Copy copy = simulation.pick(copies);
            simulation.trace(() -> copy + " dies");
            node.remove(copy.job);
            node.daemon().died(copy.job);
        }
    }

    /** Perhaps kills a process at this very point of its work. */
    void maybeCrash(SimProcess process, String where) {
        if (active && crashRate > 0 && simulation.chance(crashRate)) {
            simulation.trace(() -> process + " is killed " + where);
            world.crashed(process);
            throw Simulation.crash();
        }
    }
}
