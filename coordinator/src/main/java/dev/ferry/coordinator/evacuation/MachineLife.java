package dev.ferry.coordinator.evacuation;

/**
 * One life of a spot machine, for {@link Replay}. Times are in milliseconds from any common begin.
 *
 * @param machine its name, for people
 * @param taken whether it was taken away; false: it lived on when nobody looked any more
 */
public record MachineLife(String machine, long beganMillis, long endedMillis, boolean taken) {
    public MachineLife {
        if (beganMillis < 0 || endedMillis <= beganMillis) {
            throw new IllegalArgumentException("machine " + machine + " can't have lived from " + beganMillis + " ms to " + endedMillis + " ms");
        }
    }
}
