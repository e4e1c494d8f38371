package dev.ferry.coordinator.evacuation;

import dev.ferry.common.Durations;
import dev.ferry.coordinator.evacuation.EvacuationPlan.Move;
import dev.ferry.coordinator.evacuation.EvacuationPlan.Way;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Decides which jobs of a machine that goes away are saved, and in which order. With one link and one deadline that is a
 * knapsack (1 | d_j = d | sum w_j U_j; Karp 1972, by the dynamic programme of Lawler and Moore 1969): the set that fits into the time
 * and is worth the most. Of that set the job that is worth the most for each second goes first, so that the least is lost when the link is
 * slower than thought. Where a dump leaves a part of the link to others, further jobs go beside it. A pure function: the same facts give
 * the same plan.
 */
final class Planner {
    /** Times are rounded up to this many parts of the time that is left, but to no less than {@link #FINEST_MILLIS}. */
    private static final int PARTS = 10_000;

    private static final long FINEST_MILLIS = 10;
    /** A sum of shares may be above 1 by what floating point adds. */
    private static final double ROUNDING = 1e-6;

    private final Duration left;
    private final Pace pace;
    private final Map<String, Duration> times = new HashMap<>();

    private Planner(Duration left, Pace pace) {
        this.left = left.isNegative() ? Duration.ZERO : left;
        this.pace = pace;
    }

    /**
     * @param left until the deadline, less whatever margin is wanted
     */
    static EvacuationPlan plan(Duration left, Pace pace, List<JobAtStake> jobs) {
        return new Planner(left, pace).plan(jobs);
    }

    private EvacuationPlan plan(List<JobAtStake> jobs) {
        jobs.forEach(job -> times.put(job.job(), timeLeft(job)));
        List<JobAtStake> underWay = jobs.stream().filter(job -> job.underWay().isPresent()).toList();
        List<JobAtStake> open = jobs.stream().filter(job -> job.underWay().isEmpty() && job.obstacle().isEmpty()).sorted(worthMostFirst()).toList();
        Timetable begun = Timetable.of(underWay, times, pace);
        List<JobAtStake> order = new ArrayList<>(underWay);
        order.addAll(best(open, left.minus(begun.end())));
        for (JobAtStake candidate : open) {
            if (!order.contains(candidate)) {
                List<JobAtStake> longer = new ArrayList<>(order);
                longer.add(candidate);
                if (Timetable.of(longer, times, pace).end().compareTo(left) <= 0) {
                    order = longer;
                }
            }
        }
        order.sort(othersFirst());
        return new EvacuationPlan(moves(jobs, order));
    }

    /** A dump that is at work has something left to do until its image is whole, however slow it is. */
    private Duration timeLeft(JobAtStake job) {
        Duration whole = pace.time(job);
        Duration least = pace.fixed().dividedBy(2);
        Duration rest = whole.minus(job.underWay().orElse(Duration.ZERO));
        return rest.compareTo(least) < 0 ? least : rest;
    }

    private Duration time(JobAtStake job) {
        return times.getOrDefault(job.job(), pace.time(job));
    }

    private Comparator<JobAtStake> worthMostFirst() {
        return Comparator.comparingDouble((JobAtStake job) -> -job.worth() / Math.max(1, time(job).toMillis())).thenComparing(JobAtStake::job);
    }

    /** One that could not be saved so far keeps its place in the time that is left, but waits for its next try behind those that have not been tried. */
    private static Comparator<JobAtStake> othersFirst() {
        return Comparator.comparing(Planner::turn);
    }

    private static JobAtStake.Turn turn(JobAtStake job) {
        return job.underWay().isPresent() ? JobAtStake.Turn.NOW : job.turn();
    }

    /** The jobs that are worth the most of those sets that fit one after the other, in the order in which they are given. */
    private List<JobAtStake> best(List<JobAtStake> jobs, Duration within) {
        long needed = jobs.stream().mapToLong(job -> time(job).toMillis()).sum();
        if (needed <= within.toMillis()) {
            return jobs;
        }
        long part = Math.max(FINEST_MILLIS, within.toMillis() / PARTS);
        int parts = (int) Math.max(0, within.toMillis() / part);
        double[] worth = new double[parts + 1];
        boolean[][] taken = new boolean[jobs.size()][parts + 1];
        for (int i = 0; i < jobs.size(); i++) {
            int size = size(jobs.get(i), part);
            double value = jobs.get(i).worth();
            for (int room = parts; room >= size; room--) {
                if (worth[room - size] + value > worth[room]) {
                    worth[room] = worth[room - size] + value;
                    taken[i][room] = true;
                }
            }
        }
        Set<JobAtStake> chosen = new HashSet<>();
        int room = parts;
        for (int i = jobs.size() - 1; i >= 0; i--) {
            if (taken[i][room]) {
                chosen.add(jobs.get(i));
                room -= size(jobs.get(i), part);
            }
        }
        return jobs.stream().filter(chosen::contains).toList();
    }

    private int size(JobAtStake job, long part) {
        return (int) Math.min(Integer.MAX_VALUE, (time(job).toMillis() + part - 1) / part);
    }

    private List<Move> moves(List<JobAtStake> all, List<JobAtStake> order) {
        Timetable saved = Timetable.of(order, times, pace);
        // The others are tried all the same, behind those that are expected to make it: an estimate may be wrong, and there is nothing to lose.
        List<JobAtStake> rest = all.stream().filter(job -> !order.contains(job)).sorted(worthMostFirst()).toList();
        List<JobAtStake> longer = new ArrayList<>(order);
        longer.addAll(rest.stream().filter(job -> job.obstacle().isEmpty()).sorted(othersFirst()).toList());
        longer.sort(Comparator.comparing(job -> turn(job) == JobAtStake.Turn.NOT_YET));
        Timetable tried = Timetable.of(longer, times, pace);
        List<Move> moves = new ArrayList<>();
        for (JobAtStake job : order) {
            boolean late = saved.end(job).compareTo(left) > 0;
            Way way = late ? new Way.WillNotMakeIt(late(job, saved)) : job.room() || job.underWay().isPresent() ? new Way.Migrate() : new Way.Store();
            moves.add(new Move(job, way, tried.start(job), tried.end(job), job.underWay().isPresent()));
        }
        for (JobAtStake job : rest) {
            boolean possible = job.obstacle().isEmpty();
            moves.add(new Move(job, otherWay(job), possible ? tried.start(job) : Duration.ZERO, possible ? tried.end(job) : Duration.ZERO, false));
        }
        return moves;
    }

    private String late(JobAtStake job, Timetable saved) {
        return "its image would be whole in " + Durations.format(saved.end(job)) + ", there are " + Durations.format(left);
    }

    private Way otherWay(JobAtStake job) {
        Duration whole = pace.time(job);
        Optional<String> image = job.image();
        if (image.isPresent() && job.unsaved().compareTo(whole) <= 0) {
            return new Way.Covered(image.get());
        }
        if (job.obstacle().isPresent()) {
            return new Way.WillNotMakeIt(job.obstacle().get());
        }
        String needs = "a new image takes " + Durations.format(whole) + ", there are " + Durations.format(left);
        return new Way.WillNotMakeIt(whole.compareTo(left) > 0 ? needs : needs + ", and jobs that have more to lose go first");
    }

    /** When each of some jobs is saved, when they begin in their order, each as soon as a lane and its part of the link are free. */
    static final class Timetable {
        private final Map<String, Duration> starts = new HashMap<>();
        private final Map<String, Duration> ends = new HashMap<>();

        private Timetable() {}

        static Timetable of(List<JobAtStake> order, Map<String, Duration> times, Pace pace) {
            Timetable table = new Timetable();
            Map<JobAtStake, Duration> running = new HashMap<>();
            Duration now = Duration.ZERO;
            for (JobAtStake job : order) {
                while (!fits(job, running, pace)) {
                    Duration next = running.values().stream().min(Comparator.naturalOrder()).orElseThrow();
                    running.values().removeIf(end -> end.compareTo(next) <= 0);
                    now = next;
                }
                Duration end = now.plus(times.getOrDefault(job.job(), pace.time(job)));
                table.starts.put(job.job(), now);
                table.ends.put(job.job(), end);
                running.put(job, end);
            }
            return table;
        }

        private static boolean fits(JobAtStake job, Map<JobAtStake, Duration> running, Pace pace) {
            // What has begun is there already, however much it is.
            if (running.isEmpty() || job.underWay().isPresent()) {
                return true;
            }
            double shares = running.keySet().stream().mapToDouble(pace::share).sum();
            return running.size() < pace.lanes() && shares + pace.share(job) <= 1 + ROUNDING;
        }

        Duration start(JobAtStake job) {
            return starts.getOrDefault(job.job(), Duration.ZERO);
        }

        Duration end(JobAtStake job) {
            return ends.getOrDefault(job.job(), Duration.ZERO);
        }

        /** When the last is saved. */
        Duration end() {
            return ends.values().stream().max(Comparator.naturalOrder()).orElse(Duration.ZERO);
        }
    }
}
