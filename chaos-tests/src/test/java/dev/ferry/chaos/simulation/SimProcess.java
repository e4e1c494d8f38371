package dev.ferry.chaos.simulation;

import dev.ferry.common.Clock;
import dev.ferry.common.Scheduler;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** One life of a process: its turns come from the simulation, its time from its machine; it can be stopped, continued and killed. */
final class SimProcess implements Clock, Scheduler {
    private static final long LONGEST_TURN_NANOS = 200_000;

    private final SimMachine machine;
    private final String name;
    private final List<Runnable> deferred = new ArrayList<>();
    private boolean dead;
    private boolean paused;

    SimProcess(SimMachine machine, String name) {
        this.machine = machine;
        this.name = name;
    }

    SimMachine machine() {
        return machine;
    }

    boolean isDead() {
        return dead;
    }

    boolean isPaused() {
        return paused;
    }

    boolean isRunning() {
        return !dead && !paused;
    }

    /** kill -9. */
    void kill() {
        dead = true;
        deferred.clear();
    }

    /** SIGSTOP. */
    void pause() {
        paused = true;
    }

    /** SIGCONT: what came meanwhile is done now, in any order that keeps each strand. */
    void resume() {
        paused = false;
        List<Runnable> missed = List.copyOf(deferred);
        deferred.clear();
        missed.forEach(work -> machine.simulation().schedule(this, 0, work));
    }

    void defer(Runnable work) {
        deferred.add(work);
    }

    @Override
    public long millis() {
        return machine.millis();
    }

    @Override
    public long nanos() {
        return machine.nanos();
    }

    @Override
    public void execute(Runnable work) {
        if (!dead) {
            machine.simulation().schedule(this, machine.simulation().random().nextLong(LONGEST_TURN_NANOS), work);
        }
    }

    @Override
    public Timer after(Duration delay, Runnable work) {
        boolean[] cancelled = new boolean[1];
        machine.simulation()
                .schedule(
                        this,
                        machine.worldNanos(delay.toNanos()),
                        () -> {
                            if (!cancelled[0]) {
                                work.run();
                            }
                        });
        return () -> cancelled[0] = true;
    }

    @Override
    public String toString() {
        return name;
    }
}
