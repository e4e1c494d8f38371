package dev.ferry.scheduling.preempt;

import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.WaitingJob;

/**
 * Where the state of preempted jobs goes. Parked it lies in the node's main memory: it comes back in the time of a copy, but only there, and holds the CPUs and the memory of its job and as much again as it had on its GPUs.
 * That is right for room that is needed for a short time. For a long time it is not: the job would be bound to a node whose GPUs are another's, while it could run elsewhere from the store.
 *
 * @param park true: main memory; false: the store
 * @param why for people
 */
public record Rung(boolean park, String why) {
    /**
     * What is free of the node that is to have room, with the victims still there.
     *
     * @param memory MiB that no job has asked for
     * @param parked MiB of GPU state that lie in its main memory already
     */
    public record Host(long cpuMillis, long memory, long parked) {}

    /**
     * Decides for all victims of one job: a function of its arguments.
     *
     * @param taker what is to have room
     * @param seconds for how long at most; {@link WaitingJob#UNKNOWN}: nobody said
     * @param state MiB that the victims' GPUs would bring into main memory
     * @param most seconds for which room may be needed so that jobs are parked for it
     */
    public static Rung choose(Demand taker, long seconds, Host host, long state, long most) {
        if (taker.gpus() == 0) {
            return store("room is needed that parking does not give");
        }
        if (host.cpuMillis() < taker.cpuMillis() || host.memory() < taker.memory()) {
            return store("parked it would keep CPUs and memory that are needed");
        }
        if (host.memory() - taker.memory() < host.parked() + state) {
            return store("the node's main memory has no room for " + state + " MiB of GPU state");
        }
        if (seconds == WaitingJob.UNKNOWN) {
            return store("nobody knows for how long the room is needed");
        }
        return seconds <= most ? new Rung(true, "the room is needed for " + seconds + " s at most") : store("the room may be needed for " + seconds + " s");
    }

    private static Rung store(String why) {
        return new Rung(false, why);
    }
}
