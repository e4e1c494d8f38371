package dev.ferry.coordinator.evacuation;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One life of a machine in a {@link Replay}, with the jobs that are on it. */
final class ReplayedMachine {
    private static final int PAST_DUMPS = 20;

    private final MachineLife life;
    private final @Nullable ReplayedMachine next;
    private final List<ReplayedJob> jobs = new ArrayList<>();
    private final Past past;
    private final List<ReplayedJob> waiting = new ArrayList<>();
    private boolean busy;
    private boolean evacuating;
    private boolean ended;
    private boolean lostWork;

    /** What dumps of a place tell. The machine has a new disk, but its node's name and so its past stay. */
    private static final class Past {
        private final EvacuationConfig config;
        private final Deque<Pace.Dump> dumps = new ArrayDeque<>();
        private Pace pace;

        Past(EvacuationConfig config) {
            this.config = config;
            pace = config.assumed();
        }

        void dumped(Pace.Dump dump) {
            dumps.addFirst(dump);
            if (dumps.size() > PAST_DUMPS) {
                dumps.removeLast();
            }
            pace = Pace.measured(List.copyOf(dumps), config.assumed());
        }
    }

    private ReplayedMachine(MachineLife life, @Nullable ReplayedMachine next, Past past) {
        this.life = life;
        this.next = next;
        this.past = past;
    }

    /** The lives of one place, in order; each has its jobs from the one before. */
    static ReplayedMachine chain(List<MachineLife> lives, EvacuationConfig config) {
        Past past = new Past(config);
        ReplayedMachine after = null;
        for (MachineLife life : lives.reversed()) {
            after = new ReplayedMachine(life, after, past);
        }
        if (after == null) {
            throw new IllegalArgumentException("a place needs a life at least");
        }
        return after;
    }

    /** Lives that follow each other: each goes to the place that has been empty for the longest, or to a new one. */
    static List<List<MachineLife>> places(List<MachineLife> lives) {
        List<List<MachineLife>> places = new ArrayList<>();
        for (MachineLife life : lives.stream().sorted(Comparator.comparingLong(MachineLife::beganMillis).thenComparing(MachineLife::machine)).toList()) {
            places.stream()
                    .filter(place -> place.getLast().endedMillis() <= life.beganMillis())
                    .min(Comparator.comparingLong(place -> place.getLast().endedMillis()))
                    .orElseGet(
                            () -> {
                                List<MachineLife> place = new ArrayList<>();
                                places.add(place);
                                return place;
                            })
                    .add(life);
        }
        return places;
    }

    MachineLife life() {
        return life;
    }

    /** The next of its place; null: there is none any more. */
    @Nullable ReplayedMachine next() {
        return next;
    }

    List<ReplayedJob> jobs() {
        return jobs;
    }

    /** As {@link Situation#pace} has it. */
    Pace pace() {
        return past.pace;
    }

    void dumped(Pace.Dump dump) {
        past.dumped(dump);
    }

    /** Jobs whose image is due as soon as the one that is being made is whole. */
    List<ReplayedJob> waiting() {
        return waiting;
    }

    /** Whether an image is being made in the background. */
    boolean isBusy() {
        return busy;
    }

    void busy(boolean is) {
        busy = is;
    }

    boolean isEvacuating() {
        return evacuating;
    }

    void evacuate() {
        evacuating = true;
    }

    boolean hasEnded() {
        return ended;
    }

    void end() {
        ended = true;
    }

    void lostWork() {
        lostWork = true;
    }

    boolean hasLostWork() {
        return lostWork;
    }
}
