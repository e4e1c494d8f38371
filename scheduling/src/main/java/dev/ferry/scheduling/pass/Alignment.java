package dev.ferry.scheduling.pass;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/**
 * Puts jobs beside others that end about when they do or later, so that nodes become free as a whole. Of the nodes with jobs and room it takes the one that stays in use the least longer (in powers of two
 * of minutes: a little longer is as good as not), of those the one with the fewest free GPUs, of those the one whose jobs end next to it; an empty node if there is none.
 */
final class Alignment {
    private static final long MINUTE = 60;

    private final Room room;
    private final long now;
    private final long[] ends;
    private final BitSet used = new BitSet();

    Alignment(Room room, List<RunningJob> running, long now) {
        this.room = room;
        this.now = now;
        ends = new long[room.nodes()];
        Arrays.fill(ends, now);
        running.forEach(job -> add(job.nodes(), job.ends()));
    }

    /** Jobs run there until then. */
    void add(int[] nodes, long until) {
        for (int node : nodes) {
            used.set(node);
            ends[node] = Math.max(ends[node], until);
        }
    }

    /** A node for a job of one node, of which it is known how long it runs; empty if there is none. */
    int[] find(WaitingJob job, Room.Allowed allowed) {
        long end = now + job.seconds();
        int found = -1;
        int least = Integer.MAX_VALUE;
        int empty = -1;
        for (int free = job.demand().gpus(); free <= room.mostGpus() && least > 0; free++) {
            BitSet inUse = room.withFree(free);
            inUse.and(used);
            long nearest = Long.MAX_VALUE;
            for (int node = inUse.nextSetBit(0); node >= 0; node = inUse.nextSetBit(node + 1)) {
                int longer = Long.SIZE - Long.numberOfLeadingZeros(Math.max(0, end - ends[node]) / MINUTE);
                long apart = Math.abs(end - ends[node]);
                boolean better = longer < least || longer == least && apart < nearest && found >= 0 && room.gpus(found) == free;
                if (better && room.fits(node, job.demand()) && allowed.on(node)) {
                    found = node;
                    least = longer;
                    nearest = apart;
                }
            }
            if (empty < 0) {
                BitSet unused = room.withFree(free);
                unused.andNot(used);
                empty = unused.stream().filter(node -> room.fits(node, job.demand()) && allowed.on(node)).findFirst().orElse(-1);
            }
        }
        int chosen = found >= 0 ? found : empty;
        return chosen < 0 ? new int[0] : new int[] {chosen};
    }
}
