package dev.ferry.chaos.simulation;

import dev.ferry.coordinator.nodes.NodeLine;
import dev.ferry.coordinator.nodes.NodeStream;
import dev.ferry.proto.v1.FromNode;
import dev.ferry.proto.v1.ToNode;

/**
 * One stream of a daemon to a coordinator. Each direction keeps its order, as TCP does, until the stream is cut: then what was on
 * its way is lost. A copy of a message may come once more, much later and out of order: what an old stream and its buffers do.
 */
final class SimStream implements NodeLine {
    private static final double COPIED = 0.02;

    private final World world;
    private final SimDaemon daemon;
    private final SimCoordinator coordinator;
    private final NodeStream far;
    private final long orders;
    private long lastToCoordinator;
    private long lastToDaemon;
    private boolean broken;

    SimStream(World world, SimDaemon daemon, SimCoordinator coordinator, long orders) {
        this.world = world;
        this.orders = orders;
        this.daemon = daemon;
        this.coordinator = coordinator;
        far = coordinator.streams().open(this);
    }

    /** The daemon's number of it. */
    long orders() {
        return orders;
    }

    SimCoordinator coordinator() {
        return coordinator;
    }

    /** Both sides learn of it at their own time. What was on its way is lost. */
    void cut() {
        if (broken) {
            return;
        }
        broken = true;
        Simulation simulation = world.simulation();
        simulation.schedule(coordinator.process(), simulation.between(1, 3000), far::end);
        simulation.schedule(daemon.process(), simulation.between(1, 3000), () -> daemon.ended(this));
    }

    boolean isBroken() {
        return broken;
    }

    private boolean isCut() {
        return broken || coordinator.process().isDead() || daemon.process().isDead();
    }

    /** The daemon says something. */
    void toCoordinator(FromNode message) {
        if (isCut()) {
            cut();
            return;
        }
        lastToCoordinator = Math.max(lastToCoordinator, arrival()) + 1;
        deliver(message, lastToCoordinator);
        if (message.hasHello() || message.hasHeartbeat() || !world.faults().active() || !world.simulation().chance(COPIED)) {
            return;
        }
        Simulation simulation = world.simulation();
        simulation.schedule(coordinator.process(), simulation.between(10, 20_000), () -> far.take(message));
    }

    private void deliver(FromNode message, long at) {
        Simulation simulation = world.simulation();
        simulation.schedule(
                coordinator.process(),
                at - simulation.now(),
                () -> {
                    if (world.faults().isPartitioned(daemon.node(), coordinator)) {
                        world.faults().whenHealed(daemon.node(), coordinator, () -> deliver(message, simulation.now()));
                    } else if (!broken) {
                        far.take(message);
                    }
                });
    }

    @Override
    public void say(ToNode message) {
        if (isCut()) {
            cut();
            return;
        }
        lastToDaemon = Math.max(lastToDaemon, arrival()) + 1;
        deliver(message, lastToDaemon);
        if ((message.hasCommand() || message.hasAcknowledged()) && world.faults().active() && world.simulation().chance(COPIED)) {
            Simulation simulation = world.simulation();
            simulation.schedule(daemon.process(), simulation.between(10, 20_000), () -> daemon.takeCopy(message, orders));
        }
    }

    private void deliver(ToNode message, long at) {
        Simulation simulation = world.simulation();
        simulation.schedule(
                daemon.process(),
                at - simulation.now(),
                () -> {
                    if (world.faults().isPartitioned(daemon.node(), coordinator)) {
                        world.faults().whenHealed(daemon.node(), coordinator, () -> deliver(message, simulation.now()));
                    } else if (!broken) {
                        daemon.take(this, message);
                    }
                });
    }

    private long arrival() {
        Simulation simulation = world.simulation();
        return simulation.now() + (simulation.chance(0.05) ? simulation.between(10, 2000) : simulation.random().nextLong(100_000, 5_000_000));
    }

    @Override
    public void end() {
        cut();
    }

    @Override
    public void refuse(String why) {
        cut();
    }

    /** The daemon gives it up. */
    void hangUp() {
        cut();
    }
}
