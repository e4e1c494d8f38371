package dev.ferry.coordinator.evacuation;

import dev.ferry.proto.v1.NodeLife;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/** What has been seen of the lives of machines in a {@link Replay} so far: all are of one pool. */
final class ReplayedPool {
    /** How long what was counted is taken for new, in milliseconds. */
    private static final long RECENT = 60_000;

    private final Map<MachineLife, NodeLife> lives = new LinkedHashMap<>();
    private Duration meanTime = Pools.Seen.NOTHING.meanTimeUncovered();
    private long countedAt = -RECENT;

    void began(MachineLife life) {
        // Seen reads an end at 0 as none.
        lives.put(life, NodeLife.newBuilder().setId(life.machine()).setBeganAt(life.beganMillis()).build());
    }

    void ended(MachineLife life, boolean lostWork) {
        lives.put(life, NodeLife.newBuilder().setId(life.machine()).setBeganAt(life.beganMillis()).setEndedAt(life.endedMillis()).setInterrupted(life.taken()).setUncovered(lostWork).build());
        countedAt = life.endedMillis() - RECENT;
    }

    /** Mean time between interruptions that cost work, as {@link Pools} has it. */
    Duration meanTimeUncovered(long now) {
        if (now - countedAt >= RECENT) {
            countedAt = now;
            long from = now - Pools.LOOKED_BACK.toMillis();
            lives.values().removeIf(life -> life.getBeganAt() < from);
            Pools.Seen seen = Pools.Seen.NOTHING;
            for (NodeLife life : lives.values()) {
                seen = seen.and(life, now);
            }
            meanTime = seen.meanTimeUncovered();
        }
        return meanTime;
    }
}
