package dev.ferry.coordinator.evacuation;

import dev.ferry.common.Durations;
import dev.ferry.coordinator.evacuation.EvacuationPlan.Move;
import dev.ferry.coordinator.evacuation.EvacuationPlan.Way;
import dev.ferry.scheduling.fresh.FreshPolicy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.stream.Collectors;

/**
 * Plays jobs over the lives of spot machines on a virtual clock, with the code by which the coordinator itself decides: {@link FreshPolicy} on
 * facts of {@link Policies} when an image is due, {@link Pools.Seen} for how often machines are taken away, {@link Pace} for what past dumps
 * tell, {@link Planner} for who is saved in which order. What those decisions lead to follows from {@link ReplayTerms}. A pure function:
 * the same lives, terms and policy give the same report.
 *
 * <p>A machine that is taken away is followed by the next in its place, and its jobs go there; where one follows the other without a gap, a node with room
 * is taken to be there already when the end is announced. Time in which there is no machine counts as nothing.
 */
public final class Replay {
    /** As {@link Freshness} and {@link Evacuations} look. */
    private static final long LOOK = 1000;
    /** How often a job is looked at whose image is not due: what was learnt meanwhile may have moved it. */
    private static final long PATIENT = 60_000;

    private static final double HOUR = 3_600_000;

    private final ReplayTerms terms;
    private final ReplayPolicy policy;
    private final FreshPolicy fresh;
    private final EvacuationConfig config = EvacuationConfig.defaults();
    private final Duration margin = Durations.parse(config.margin());
    private final ReplayedPool pool = new ReplayedPool();
    private final PriorityQueue<Event> events = new PriorityQueue<>(Comparator.comparingLong(Event::at).thenComparingLong(Event::order));
    private final List<ReplayedJob> jobs = new ArrayList<>();
    private long order;
    private long now;
    private long ends;
    private long losses;
    private long overInterval;
    private long longestLoss;

    private record Event(long at, long order, Runnable what) {}

    private Replay(ReplayTerms terms, ReplayPolicy policy) {
        this.terms = terms;
        this.policy = policy;
        fresh = policy.fresh(terms.mostFrozen());
    }

    /** Plays all lives. */
    public static ReplayReport run(List<MachineLife> lives, ReplayTerms terms, ReplayPolicy policy) {
        return new Replay(terms, policy).play(lives);
    }

    private ReplayReport play(List<MachineLife> lives) {
        int place = 0;
        for (List<MachineLife> one : ReplayedMachine.places(lives)) {
            place++;
            ReplayedMachine first = ReplayedMachine.chain(one, config);
            for (int number = 1; number <= terms.jobs(); number++) {
                ReplayedJob job = new ReplayedJob("j-" + place + "-" + number, terms);
                jobs.add(job);
                at(first.life().beganMillis(), () -> arrive(first, job));
            }
            for (ReplayedMachine machine = first; machine != null; machine = machine.next()) {
                appoint(machine);
            }
        }
        while (!events.isEmpty()) {
            Event event = events.poll();
            now = event.at();
            event.what().run();
        }
        return report();
    }

    private void appoint(ReplayedMachine machine) {
        MachineLife life = machine.life();
        at(life.beganMillis(), () -> pool.began(life));
        at(life.endedMillis(), () -> end(machine));
        if (policy.notices() && life.taken()) {
            at(Math.max(life.beganMillis(), life.endedMillis() - terms.notice().toMillis()), () -> told(machine));
        }
    }

    private ReplayReport report() {
        long useful = jobs.stream().mapToLong(job -> job.useful(now)).sum();
        long lost = jobs.stream().mapToLong(ReplayedJob::lost).sum();
        long images = jobs.stream().mapToLong(ReplayedJob::imagesMade).sum();
        return new ReplayReport(
                policy.name(), useful / HOUR, spent(ReplayedJob.Doing.FROZEN), lost / HOUR, spent(ReplayedJob.Doing.MOVING), images, ends, losses, overInterval, longestLoss / 1000.0, terms.gpus() * lost / HOUR);
    }

    private double spent(ReplayedJob.Doing on) {
        return jobs.stream().mapToLong(job -> job.spent(on)).sum() / HOUR;
    }

    private void at(long time, Runnable what) {
        events.add(new Event(Math.max(time, now), order++, what));
    }

    /** Something that is done to a job unless it has left the machine until then. */
    private void at(long time, ReplayedJob job, Runnable what) {
        long stay = job.stay();
        at(
                time,
                () -> {
                    if (job.stay() == stay) {
                        what.run();
                    }
                });
    }

    /** A job comes to a machine, at its start or from another. */
    private void arrive(ReplayedMachine machine, ReplayedJob job) {
        machine.jobs().add(job);
        job.turn(ReplayedJob.Doing.MOVING, now);
        at(
                now + terms.restart().toMillis(),
                job,
                () -> {
                    job.live(now);
                    look(machine, job);
                });
    }

    /** A look as {@link Freshness} has them: whether an image is due, and may be made. */
    private void look(ReplayedMachine machine, ReplayedJob job) {
        if (!job.works() || machine.isEvacuating()) {
            return;
        }
        FreshPolicy.Facts facts = Policies.facts(job.lastImage(), job.images(), pool.meanTimeUncovered(now), machine.pace(), machine.jobs().size(), config);
        Duration interval = fresh.interval(policy.seen(facts)).orElseThrow().interval();
        job.decided(interval);
        long left = interval.minus(job.unsaved(now)).toMillis();
        long number = job.nextLook();
        if (left <= 0) {
            // One at a time on each node: the end of the other's is a look at this one.
            if (machine.isBusy()) {
                machine.waiting().add(job);
            } else {
                image(machine, job);
            }
            return;
        }
        long wait = Math.min(PATIENT, left);
        at(
                now + Math.ceilDiv(wait, LOOK) * LOOK,
                job,
                () -> {
                    if (job.isLook(number)) {
                        look(machine, job);
                    }
                });
    }

    /** An image in the background. */
    private void image(ReplayedMachine machine, ReplayedJob job) {
        long began = now;
        long sends = job.sendsNow(now);
        long useful = job.useful(now);
        job.turn(ReplayedJob.Doing.FROZEN, now);
        job.imaging(true);
        machine.busy(true);
        at(began + terms.freeze().toMillis(), job, () -> job.turn(ReplayedJob.Doing.WORKING, now));
        at(
                began + terms.imageMillis(sends),
                job,
                () -> {
                    job.imaging(false);
                    machine.busy(false);
                    whole(machine, job, useful, began, sends);
                    if (machine.isEvacuating()) {
                        plan(machine);
                    } else {
                        look(machine, job);
                        List<ReplayedJob> waiting = List.copyOf(machine.waiting());
                        machine.waiting().clear();
                        waiting.forEach(one -> look(machine, one));
                    }
                });
    }

    private void whole(ReplayedMachine machine, ReplayedJob job, long useful, long began, long sent) {
        job.saved(useful, began, sent, now - began);
        machine.dumped(new Pace.Dump(terms.stateBytes(), sent, Duration.ofMillis(now - began)));
    }

    private void told(ReplayedMachine machine) {
        machine.evacuate();
        replan(machine);
    }

    /** Every second, as {@link Evacuations}, and at each change. */
    private void replan(ReplayedMachine machine) {
        if (!machine.hasEnded() && !machine.jobs().isEmpty()) {
            plan(machine);
            at(now + LOOK, () -> replan(machine));
        }
    }

    private void plan(ReplayedMachine machine) {
        Duration left = Duration.ofMillis(machine.life().endedMillis() - now).minus(margin);
        boolean room = machine.next() != null;
        Map<String, ReplayedJob> there = machine.jobs().stream().filter(ReplayedJob::isAtStake).collect(Collectors.toMap(ReplayedJob::name, job -> job));
        List<JobAtStake> stakes = there.values().stream().map(job -> job.atStake(now, room)).sorted(Comparator.comparing(JobAtStake::job)).toList();
        for (Move move : Planner.plan(left, machine.pace(), stakes).moves()) {
            ReplayedJob job = Objects.requireNonNull(there.get(move.job().job()));
            boolean itsTurn = move.starts().isZero() && !move.underWay() && job.works() && !job.isImaging();
            if (itsTurn) {
                begin(machine, job, move.way());
            }
        }
    }

    private void begin(ReplayedMachine machine, ReplayedJob job, Way way) {
        switch (way) {
            case Way.Migrate migrate -> dump(machine, job);
            case Way.Store store -> dump(machine, job);
            case Way.WillNotMakeIt late -> dump(machine, job);
            case Way.Covered covered -> {
                // Without room elsewhere it works on until the end.
                if (machine.next() != null) {
                    lose(machine, job);
                    leave(machine, job);
                }
            }
        }
    }

    private void dump(ReplayedMachine machine, ReplayedJob job) {
        long began = now;
        long sends = job.sendsNow(now);
        long useful = job.useful(now);
        job.turn(ReplayedJob.Doing.MOVING, now);
        job.dumping(Optional.of(began));
        at(
                began + terms.imageMillis(sends),
                job,
                () -> {
                    whole(machine, job, useful, began, sends);
                    leave(machine, job);
                    plan(machine);
                });
    }

    /** A job goes on on the next machine, if there is one. */
    private void leave(ReplayedMachine machine, ReplayedJob job) {
        machine.jobs().remove(job);
        if (job.isImaging()) {
            machine.busy(false);
        }
        job.leave();
        ReplayedMachine next = machine.next();
        if (next == null) {
            job.turn(ReplayedJob.Doing.NOTHING, now);
            return;
        }
        // Where its place is never empty, there is room as soon as somebody needs it.
        boolean atOnce = next.life().beganMillis() <= Math.max(now, machine.life().endedMillis());
        job.turn(atOnce ? ReplayedJob.Doing.MOVING : ReplayedJob.Doing.NOTHING, now);
        at(atOnce ? now : next.life().beganMillis(), job, () -> arrive(next, job));
    }

    private void lose(ReplayedMachine machine, ReplayedJob job) {
        long loses = job.fallBack(now);
        if (loses > 0) {
            machine.lostWork();
            losses++;
            longestLoss = Math.max(longestLoss, loses);
            overInterval += loses > job.mostLost() ? 1 : 0;
        }
    }

    private void end(ReplayedMachine machine) {
        machine.end();
        ends += machine.life().taken() ? 1 : 0;
        for (ReplayedJob job : List.copyOf(machine.jobs())) {
            if (machine.life().taken()) {
                lose(machine, job);
                leave(machine, job);
            } else {
                machine.jobs().remove(job);
                job.leave();
                job.turn(ReplayedJob.Doing.NOTHING, now);
            }
        }
        pool.ended(machine.life(), machine.hasLostWork());
    }
}
