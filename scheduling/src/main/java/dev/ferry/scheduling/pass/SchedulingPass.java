package dev.ferry.scheduling.pass;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One pass over the queue: in the order of priority each job that has room starts; for the first that has none and could have some, nodes are kept from the time at which there will be room for it; later jobs may go
 * ahead of it only where they don't delay it (they end before, or use what it leaves). This is backfill with one reservation, as published by Lifka (EASY, 1995).
 */
public final class SchedulingPass {
    /** How many demands that found no room are remembered, so that those that need as much or more are not looked for again. */
    private static final int REMEMBERED = 64;

    /** Those that are due first, of them the highest priority, then who waits longest. */
    public static final Comparator<WaitingJob> ORDER =
            Comparator.comparing(WaitingJob::due).thenComparingLong(WaitingJob::priority).reversed().thenComparingLong(WaitingJob::since).thenComparingLong(WaitingJob::id);

    private final Room room;
    private final Packing packing;
    private final boolean skips;
    private final long now;
    private final Alignment alignment;
    private final List<Verdict> verdicts;
    private final List<RunningJob> started = new ArrayList<>();
    private final List<Demand> noRoom = new ArrayList<>();
    private final List<Demand> noRoomBeside = new ArrayList<>();
    private final List<Demand> noRoomEver = new ArrayList<>();
    /** What would be free if nothing ran; made when it is first asked for. */
    private @Nullable Room all;

    private SchedulingPass(Room room, List<RunningJob> running, Packing packing, boolean skips, long now, int jobs) {
        this.room = room;
        this.packing = packing;
        this.skips = skips;
        this.now = now;
        alignment = new Alignment(room, packing == Packing.ALIGN ? running : List.of(), now);
        verdicts = new ArrayList<>(jobs);
    }

    /**
     * @param room what is free now; what starts is taken from it
     * @param running jobs that hold room, in any order
     * @param queue jobs that wait, in any order
     * @return one verdict for each job that waits, by priority
     */
    public static List<Verdict> run(Room room, List<RunningJob> running, List<WaitingJob> queue, Packing packing, long now) {
        return run(room, running, queue, packing, true, now);
    }

    /**
     * The same.
     *
     * @param skips whether the first that could have room is the one for which nodes are kept; false: the first, even if it could have none, so that none are kept for anybody
     */
    public static List<Verdict> run(Room room, List<RunningJob> running, List<WaitingJob> queue, Packing packing, boolean skips, long now) {
        SchedulingPass pass = new SchedulingPass(room, running, packing, skips, now, queue.size());
        WaitingJob[] ordered = queue.toArray(WaitingJob[]::new);
        Arrays.sort(ordered, ORDER);
        pass.go(ordered, running);
        return pass.verdicts;
    }

    private void go(WaitingJob[] ordered, List<RunningJob> running) {
        int at = 0;
        while (at < ordered.length && (start(ordered[at], noRoom, node -> true) || skips && isNever(ordered[at], running))) {
            at++;
        }
        if (at == ordered.length) {
            return;
        }
        WaitingJob head = ordered[at++];
        Reservation kept = Reservation.of(head, room, running, started, now);
        verdicts.add(new Verdict.Reserved(head, kept.at(), kept.nodes(), kept.spare));
        for (; at < ordered.length; at++) {
            WaitingJob job = ordered[at];
            boolean endsBefore = kept.at() == WaitingJob.UNKNOWN || job.seconds() != WaitingJob.UNKNOWN && now + job.seconds() <= kept.at();
            boolean goes = endsBefore ? start(job, noRoom, node -> true) : start(job, noRoomBeside, node -> kept.leaves(node, job.demand()));
            if (goes && !endsBefore) {
                kept.use(((Verdict.Start) verdicts.getLast()).nodes(), job.demand());
            }
            if (!goes) {
                boolean full = isHopeless(job.demand(), noRoom) || room.find(job.demand(), packing, node -> true).length == 0;
                verdicts.add(new Verdict.Waits(job, full ? 0 : head.id()));
                if (full) {
                    remember(job.demand(), noRoom);
                }
            }
        }
    }

    /** A job that would have no room if all others were gone keeps none from those behind it: its node went down or is emptied, maybe for long. */
    private boolean isNever(WaitingJob job, List<RunningJob> running) {
        if (all == null) {
            all = room.copy();
            running.forEach(one -> all.give(one.nodes(), one.freed()));
            started.forEach(one -> all.give(one.nodes(), one.freed()));
        }
        boolean never = isHopeless(job.demand(), noRoomEver) || all.find(job.demand(), packing, node -> true).length == 0;
        if (never) {
            remember(job.demand(), noRoomEver);
            verdicts.add(new Verdict.Waits(job, 0));
        }
        return never;
    }

    private boolean start(WaitingJob job, List<Demand> failed, Room.Allowed allowed) {
        Demand demand = job.demand();
        if (isHopeless(demand, failed)) {
            return false;
        }
        int[] nodes = find(job, allowed);
        if (nodes.length == 0) {
            remember(demand, failed);
            return false;
        }
        room.take(nodes, demand);
        verdicts.add(new Verdict.Start(job, nodes));
        long ends = job.seconds() == WaitingJob.UNKNOWN ? WaitingJob.UNKNOWN : now + job.seconds();
        alignment.add(nodes, ends);
        started.add(new RunningJob(job.id(), job.account(), demand, nodes, now, ends, 0, 0, 0, false));
        return true;
    }

    private int[] find(WaitingJob job, Room.Allowed allowed) {
        int[] warm = room.warm(job, allowed);
        if (warm.length > 0) {
            return warm;
        }
        boolean aligned = packing == Packing.ALIGN && job.demand().gpus() > 0 && job.demand().nodes() == 1 && job.seconds() != WaitingJob.UNKNOWN;
        return aligned ? alignment.find(job, allowed) : room.find(job.demand(), packing, allowed);
    }

    /** Room only shrinks during a pass: what found none, finds none later. */
    private static boolean isHopeless(Demand demand, List<Demand> failed) {
        for (Demand none : failed) {
            if (demand.needsAllOf(none)) {
                return true;
            }
        }
        return false;
    }

    private static void remember(Demand demand, List<Demand> failed) {
        failed.removeIf(none -> none.needsAllOf(demand));
        if (failed.size() < REMEMBERED) {
            failed.add(demand);
        }
    }

    /** Nodes that are kept for the head of the queue, from a time on. */
    private static final class Reservation {
        private final long at;
        private final int[] nodes;
        private final BitSet kept = new BitSet();

        /** What is free at that time, less what the head needs. */
        private final Room spare;

        private Reservation(long at, int[] nodes, Room spare) {
            this.at = at;
            this.nodes = nodes;
            this.spare = spare;
            for (int node : nodes) {
                kept.set(node);
            }
        }

        static Reservation of(WaitingJob head, Room room, List<RunningJob> running, List<RunningJob> started, long now) {
            List<RunningJob> ends = new ArrayList<>(running.size() + started.size());
            running.stream().filter(job -> job.ends() != WaitingJob.UNKNOWN).forEach(ends::add);
            started.stream().filter(job -> job.ends() != WaitingJob.UNKNOWN).forEach(ends::add);
            ends.sort(Comparator.comparingLong(RunningJob::ends).thenComparingLong(RunningJob::id));
            Room later = room.copy();
            BitSet fitting = new BitSet();
            for (int node = 0; node < later.nodes(); node++) {
                fitting.set(node, later.fits(node, head.demand()));
            }
            int count = fitting.cardinality();
            for (RunningJob job : ends) {
                later.give(job.nodes(), job.freed());
                for (int node : job.nodes()) {
                    if (!fitting.get(node) && later.fits(node, head.demand())) {
                        fitting.set(node);
                        count++;
                    }
                }
                if (count >= head.demand().nodes()) {
                    int[] nodes = fitting.stream().limit(head.demand().nodes()).toArray();
                    later.take(nodes, head.demand());
                    return new Reservation(Math.max(now, job.ends()), nodes, later);
                }
            }
            return new Reservation(WaitingJob.UNKNOWN, new int[0], later);
        }

        long at() {
            return at;
        }

        int[] nodes() {
            return nodes;
        }

        boolean leaves(int node, Demand demand) {
            return !kept.get(node) || spare.fits(node, demand);
        }

        void use(int[] used, Demand demand) {
            for (int node : used) {
                if (kept.get(node)) {
                    spare.take(new int[] {node}, demand);
                }
            }
        }
    }
}
