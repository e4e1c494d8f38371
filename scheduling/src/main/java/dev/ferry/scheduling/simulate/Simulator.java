package dev.ferry.scheduling.simulate;

import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.fairshare.Standings;
import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.SchedulingPass;
import dev.ferry.scheduling.pass.Verdict;
import dev.ferry.scheduling.pass.WaitingJob;
import dev.ferry.scheduling.preempt.Balance;
import dev.ferry.scheduling.preempt.Decision;
import dev.ferry.scheduling.preempt.Deserved;
import dev.ferry.scheduling.preempt.DueFirst;
import dev.ferry.scheduling.preempt.Hopeless;
import dev.ferry.scheduling.preempt.Preemption;
import dev.ferry.scheduling.preempt.PreemptionPolicy;
import dev.ferry.scheduling.preempt.Spent;
import dev.ferry.scheduling.usage.Extended;
import dev.ferry.scheduling.usage.UsageTable;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Set;

/**
 * Plays a trace on a cluster. Time jumps from event to event; decisions are those of {@link SchedulingPass} and {@link Preemption}. The same arguments give the same report.
 *
 * <p>A preempted job holds its room while it is saved, and the job that it makes room for starts when all its victims are out. How long jobs run is known to the queue, as if all had given their
 * time limit to the second.
 */
public final class Simulator {
    /** The queue is looked at most so often, seconds: what happens in between is decided together. */
    private static final long PASS_SECONDS = 10;

    private static final long SAMPLE_SECONDS = 600;
    private static final long HOUR = 3600;
    private static final double FULL_FACTOR = 1e9;

    private enum Kind {
        SUBMIT,
        END,
        ROOM_IS_FREE,
        TICK,
        PASS
    }

    private record Event(long at, long number, Kind kind, SimulatedRun run, int life) {}

    private record Moved(long at, double moving) {}

    private final AccountTree tree;
    private final Room room;
    private final SimulationPolicy policy;
    private final boolean inGpus;
    private final double capacity;
    private final UsageTable usage;
    private final double[] factors;
    private final double[] holds;
    private final PriorityQueue<Event> events = new PriorityQueue<>(Comparator.comparingLong(Event::at).thenComparingLong(Event::number));
    private final Set<SimulatedRun> waiting = new LinkedHashSet<>();
    private final Set<SimulatedRun> running = new LinkedHashSet<>();
    private final Deque<Moved> lastHour = new ArrayDeque<>();
    private final Measures measures;
    private final boolean causes;
    private long number;
    private long lastPass = Long.MIN_VALUE / 2;
    private boolean passPlanned;
    private int left;

    private Simulator(AccountTree tree, Room room, SimulationPolicy policy, List<SimulatedJob> trace, boolean causes) {
        this.causes = causes;
        this.tree = tree;
        this.room = room;
        this.policy = policy;
        double gpus = 0;
        double cpus = 0;
        for (int node = 0; node < room.nodes(); node++) {
            gpus += room.gpus(node);
            cpus += room.cpuMillis(node) / 1000.0;
        }
        inGpus = gpus > 0;
        capacity = inGpus ? gpus : cpus;
        usage = new UsageTable(tree);
        factors = new double[tree.size()];
        holds = new double[tree.size()];
        left = trace.size();
        long first = trace.stream().mapToLong(SimulatedJob::submitted).min().orElse(0);
        long last = trace.stream().mapToLong(SimulatedJob::submitted).max().orElse(0);
        measures = new Measures(first, last, capacity, inGpus);
        for (SimulatedJob job : trace) {
            add(job.submitted(), Kind.SUBMIT, new SimulatedRun(job, job.demand().size(inGpus)), 0);
        }
        if (policy.fair() && !trace.isEmpty()) {
            rank();
            add(first + policy.tick(), Kind.TICK, new SimulatedRun(trace.getFirst(), 0), 0);
        }
    }

    /**
     * @param room the empty cluster; taken over
     */
    public static Report run(AccountTree tree, Room room, List<SimulatedJob> trace, SimulationPolicy policy) {
        return run(tree, room, trace, policy, false);
    }

    /**
     * @param room the empty cluster; taken over
     * @param causes whether to find out why what is due is not met, which takes several times as long
     */
    public static Report run(AccountTree tree, Room room, List<SimulatedJob> trace, SimulationPolicy policy, boolean causes) {
        Simulator simulator = new Simulator(tree, room, policy, trace, causes);
        simulator.play();
        return simulator.measures.report(policy.name());
    }

    private void add(long at, Kind kind, SimulatedRun run, int life) {
        events.add(new Event(at, number++, kind, run, life));
    }

    private void play() {
        long nextSample = measures.first();
        while (left > 0) {
            long now = events.element().at();
            for (; nextSample <= now; nextSample += SAMPLE_SECONDS) {
                measures.sample(nextSample, holds, waiting.size());
            }
            measures.advance(now, running);
            boolean changed = false;
            while (!events.isEmpty() && events.element().at() == now) {
                changed |= happens(events.remove(), now);
            }
            if (changed) {
                passOrPlan(now);
            }
        }
    }

    private boolean happens(Event event, long now) {
        SimulatedRun run = event.run();
        switch (event.kind()) {
            case SUBMIT -> {
                run.waitsSince(now);
                waiting.add(run);
                return true;
            }
            case END -> {
                if (event.life() != run.life()) {
                    return false;
                }
                bill(run, now);
                running.remove(run);
                room.give(run.nodes(), run.job().demand());
                holds[run.job().account()] -= run.size();
                measures.ended(run, now);
                left--;
                return true;
            }
            case ROOM_IS_FREE -> {
                roomIsFree(run, now);
                return true;
            }
            case TICK -> {
                usage.decay(policy.decay().after(policy.tick()));
                running.forEach(one -> bill(one, now));
                rank();
                add(now + policy.tick(), Kind.TICK, run, 0);
                return !waiting.isEmpty();
            }
            case PASS -> {
                passPlanned = false;
                return true;
            }
        }
        throw new IllegalStateException("Unknown event " + event);
    }

    private void roomIsFree(SimulatedRun run, long now) {
        SimulatedRun.Claim claim = run.claim();
        for (SimulatedRun victim : claim.victims()) {
            room.give(victim.nodes(), victim.job().demand());
            victim.waitsSince(now);
            waiting.add(victim);
        }
        for (SimulatedRun.Move move : claim.moves()) {
            room.give(move.run().nodes(), move.run().job().demand());
            begin(move.run(), new int[] {move.to()}, now);
        }
        run.giveHeld(room);
        room.take(claim.nodes(), run.job().demand());
        begin(run, claim.nodes(), now);
    }

    /** Work counts, moving doesn't: time in which a job is saved or brought back is not billed. */
    private void bill(SimulatedRun run, long now) {
        long seconds = now - Math.max(run.billedUntil(), run.worksSince());
        if (seconds > 0) {
            usage.add(run.job().account(), Extended.of(policy.decay().newUsage(seconds, run.size(), 1)));
            run.billedUntil(now);
        }
    }

    private void rank() {
        Standings standings = Standings.compute(usage, policy.fairshare());
        for (int at = 0; at < factors.length; at++) {
            factors[at] = standings.jobFactor(at);
        }
    }

    private void passOrPlan(long now) {
        if (now - lastPass >= PASS_SECONDS) {
            lastPass = now;
            pass(now);
        } else if (!passPlanned) {
            passPlanned = true;
            add(lastPass + PASS_SECONDS, Kind.PASS, new SimulatedRun(events.isEmpty() ? anyJob() : events.element().run().job(), 0), 0);
        }
    }

    private SimulatedJob anyJob() {
        return (waiting.isEmpty() ? running : waiting).iterator().next().job();
    }

    private void pass(long now) {
        List<WaitingJob> queue = new ArrayList<>(waiting.size());
        List<SimulatedRun> byPosition = new ArrayList<>(waiting);
        for (int at = 0; at < byPosition.size(); at++) {
            queue.add(byPosition.get(at).asWaiting(policy.fair() ? Math.round(factors[byPosition.get(at).job().account()] * FULL_FACTOR) : 0, policy));
        }
        PreemptionPolicy preemption = policy.preemption();
        if (preemption != null && preemption.dueFirst()) {
            queue = DueFirst.mark(queue, new Balance(due(), holds, inGpus, capacity), job -> job.demand().size(inGpus), now, preemption.patience());
        }
        List<RunningJob> held = running.stream().map(run -> run.asRunning(policy, now)).toList();
        List<WaitingJob> still = new ArrayList<>();
        for (Verdict verdict : SchedulingPass.run(room, held, queue, policy.packing(), now)) {
            if (verdict instanceof Verdict.Start start) {
                SimulatedRun run = find(start.job().id());
                waiting.remove(run);
                holds[run.job().account()] += run.size();
                begin(run, start.nodes(), now);
            } else {
                still.add(verdict.job());
            }
        }
        double[] due = due();
        if (preemption != null && !still.isEmpty()) {
            preempt(still, due, preemption, now);
        }
        List<SimulatedRun> lacking = measures.stands(due, holds, waiting);
        if (causes && !lacking.isEmpty()) {
            causes(lacking, due, now);
        }
    }

    private void causes(List<SimulatedRun> lacking, double[] due, long now) {
        List<RunningJob> held = running.stream().map(run -> run.asRunning(policy, now)).toList();
        Causes found = new Causes(room, held, new Balance(due, holds, inGpus, capacity), policy.preemption(), spent(), now);
        for (SimulatedRun run : lacking) {
            measures.cause(found.of(run.asWaiting(0, policy)), run.size());
        }
    }

    private Spent spent() {
        return new Spent(lastHour.size(), lastHour.stream().mapToDouble(Moved::moving).sum());
    }

    private SimulatedRun find(long id) {
        for (SimulatedRun run : waiting) {
            if (run.job().id() == id) {
                return run;
            }
        }
        throw new IllegalStateException("Job " + id + " doesn't wait");
    }

    private double[] due() {
        double[] asked = holds.clone();
        waiting.forEach(run -> asked[run.job().account()] += run.size());
        return Deserved.of(tree, capacity, asked);
    }

    private void begin(SimulatedRun run, int[] nodes, long now) {
        long ends = run.begin(nodes, now, policy);
        if (run.worksSince() > now) {
            measures.moving(run.size() * (run.worksSince() - now));
        }
        running.add(run);
        add(ends, Kind.END, run, run.life());
    }

    private void preempt(List<WaitingJob> still, double[] due, PreemptionPolicy preemption, long now) {
        while (!lastHour.isEmpty() && lastHour.element().at() <= now - HOUR) {
            lastHour.remove();
        }
        Hopeless hopeless = new Hopeless(preemption);
        for (WaitingJob job : still) {
            Balance balance = new Balance(due, holds, inGpus, capacity);
            if (holds[job.account()] + job.demand().size(inGpus) > due[job.account()]) {
                continue;
            }
            if (hopeless.known(job, "").isPresent()) {
                continue;
            }
            List<RunningJob> held = running.stream().map(run -> run.asRunning(policy, now)).toList();
            switch (Preemption.decide(job, room, held, balance, preemption, spent(), now)) {
                case Decision.Preempt taken -> apply(taken, now);
                case Decision.Keep keep -> hopeless.learn(keep, "");
            }
        }
    }

    private void apply(Decision.Preempt taken, long now) {
        List<SimulatedRun> victims = new ArrayList<>();
        for (RunningJob victim : taken.victims()) {
            SimulatedRun run = leaves(victim, now);
            holds[run.job().account()] -= run.size();
            measures.preempted();
            victims.add(run);
        }
        List<SimulatedRun> leaving = new ArrayList<>(victims);
        List<SimulatedRun.Move> moves = new ArrayList<>();
        for (Decision.Move move : taken.moves()) {
            SimulatedRun run = leaves(move.job(), now);
            room.take(new int[] {move.to()}, run.job().demand());
            measures.moved();
            moves.add(new SimulatedRun.Move(run, move.to()));
            leaving.add(run);
        }
        SimulatedRun winner = find(taken.job().id());
        waiting.remove(winner);
        holds[winner.job().account()] += winner.size();
        winner.hold(room, taken.nodes(), leaving);
        winner.claim(new SimulatedRun.Claim(victims, moves, taken.nodes()));
        add(now + (policy.saved() ? policy.dumpSeconds() : 0), Kind.ROOM_IS_FREE, winner, 0);
        if (!policy.saved()) {
            passPlanned = false;
        }
    }

    /** A job is taken off its node, which it holds until it is saved. */
    private SimulatedRun leaves(RunningJob job, long now) {
        SimulatedRun run = running.stream().filter(one -> one.job().id() == job.id()).findFirst().orElseThrow();
        bill(run, now);
        running.remove(run);
        measures.lost(run.interrupt(now, policy.saved()));
        measures.hit(run, now);
        long dump = policy.saved() ? policy.dumpSeconds() : 0;
        measures.moving(run.size() * dump);
        lastHour.add(new Moved(now, run.size() * (policy.saved() ? policy.dumpSeconds() + policy.restoreSeconds() : 0)));
        return run;
    }
}
