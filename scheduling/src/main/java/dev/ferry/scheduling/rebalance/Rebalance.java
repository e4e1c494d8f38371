package dev.ferry.scheduling.rebalance;

import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.WaitingJob;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Finds moves of running jobs by which jobs that wait fit: the cluster has enough for them, in pieces. A function of its input.
 *
 * <p>For each waiting job, in the order of the queue, each node is tried: the cheapest jobs are taken off it until the job fits, whoever
 * need not go after all stays, and each of the others must find room on another node, as things are after the moves before. The node
 * that costs least is taken, if what its moves cost is worth it. No job is moved twice, and room that one gain needs is not given to another.
 */
public final class Rebalance {
    private final Policy policy;
    private final Room room;
    private final Map<Integer, List<RunningJob>> byNode = new HashMap<>();
    private final Set<Long> moved = new HashSet<>();
    private int left;

    /**
     * How far to go.
     *
     * @param mostMoves in one plan
     * @param worth how much the moves of a gain may cost, as a part of what it gives in the horizon
     * @param horizon seconds for which what is given counts
     */
    public record Policy(int mostMoves, double worth, long horizon) {}

    private Rebalance(Room room, List<RunningJob> running, Policy policy) {
        this.room = room.copy();
        this.policy = policy;
        left = policy.mostMoves();
        running.stream().filter(job -> job.movable() && job.nodes().length == 1).forEach(job -> byNode.computeIfAbsent(job.nodes()[0], node -> new ArrayList<>()).add(job));
    }

    /**
     * Makes a plan.
     *
     * @param room what is free; it is not changed
     * @param running all jobs that hold room
     * @param waiting in the order of the queue, those that may start if there is room
     */
    public static List<Gain> plan(Room room, List<RunningJob> running, List<WaitingJob> waiting, Policy policy) {
        Rebalance rebalance = new Rebalance(room, running, policy);
        List<Gain> gains = new ArrayList<>();
        for (WaitingJob job : waiting) {
            rebalance.gain(job).ifPresent(gains::add);
        }
        return gains;
    }

    private Optional<Gain> gain(WaitingJob job) {
        Demand demand = job.demand();
        if (demand.nodes() != 1) {
            return Optional.empty();
        }
        for (int node = 0; node < room.nodes(); node++) {
            if (room.fits(node, demand)) {
                // It starts without anybody's help, and what it takes is not there for others.
                room.take(new int[] {node}, demand);
                return Optional.empty();
            }
        }
        boolean inGpus = demand.gpus() > 0;
        Gain best = null;
        for (int node = 0; node < room.nodes(); node++) {
            Optional<Gain> found = room.hasLabels(node, demand) ? on(node, job) : Optional.empty();
            if (found.isPresent() && (best == null || found.get().cost(inGpus) < best.cost(inGpus))) {
                best = found.get();
            }
        }
        if (best == null || best.cost(inGpus) > policy.worth() * policy.horizon() * demand.size(inGpus)) {
            return Optional.empty();
        }
        take(best);
        return Optional.of(best);
    }

    private void take(Gain gain) {
        for (Gain.Move move : gain.moves()) {
            room.give(move.job().nodes(), move.job().freed());
            room.take(new int[] {move.to()}, move.job().demand());
            moved.add(move.job().id());
        }
        room.take(new int[] {gain.node()}, gain.job().demand());
        left -= gain.moves().size();
    }

    /** The cheapest way found to make a node fit for a job; empty: none was. */
    private Optional<Gain> on(int node, WaitingJob job) {
        List<RunningJob> candidates = new ArrayList<>(byNode.getOrDefault(node, List.of()).stream().filter(one -> !moved.contains(one.id())).toList());
        candidates.sort(Comparator.comparingDouble((RunningJob one) -> one.moveSeconds() / relief(one.freed(), job.demand())).thenComparingLong(RunningJob::id));
        while (!candidates.isEmpty()) {
            List<RunningJob> leaving = leaving(node, job.demand(), candidates);
            if (leaving.isEmpty() || leaving.size() > left) {
                return Optional.empty();
            }
            Room after = room.copy();
            leaving.forEach(one -> after.give(one.nodes(), one.freed()));
            after.take(new int[] {node}, job.demand());
            List<Gain.Move> moves = new ArrayList<>();
            RunningJob stuck = null;
            // The largest finds room least easily.
            for (RunningJob one : leaving.stream().sorted(Comparator.comparingDouble((RunningJob big) -> share(big.demand(), node)).reversed().thenComparingLong(RunningJob::id)).toList()) {
                Optional<Integer> to = tightest(after, node, one.demand());
                if (to.isEmpty()) {
                    stuck = one;
                    break;
                }
                after.take(new int[] {to.get()}, one.demand());
                moves.add(new Gain.Move(one, to.get()));
            }
            if (stuck == null) {
                return Optional.of(new Gain(job, node, moves));
            }
            candidates.remove(stuck);
        }
        return Optional.empty();
    }

    /** The first of the candidates that make enough room together, without those that need not go; empty: all of them do not. */
    private List<RunningJob> leaving(int node, Demand demand, List<RunningJob> candidates) {
        Room after = room.copy();
        List<RunningJob> leaving = new ArrayList<>();
        for (RunningJob one : candidates) {
            if (after.fits(node, demand)) {
                break;
            }
            after.give(one.nodes(), one.freed());
            leaving.add(one);
        }
        if (!after.fits(node, demand)) {
            return List.of();
        }
        for (RunningJob one : List.copyOf(leaving)) {
            after.takeBack(one.nodes(), one.freed());
            if (after.fits(node, demand)) {
                leaving.remove(one);
            } else {
                after.give(one.nodes(), one.freed());
            }
        }
        return leaving;
    }

    /** Of the other nodes with room the one that has least left afterwards: whole nodes stay whole. */
    private static Optional<Integer> tightest(Room after, int but, Demand demand) {
        Integer found = null;
        for (int node = 0; node < after.nodes(); node++) {
            if (node != but && after.fits(node, demand) && (found == null || isTighter(after, node, found))) {
                found = node;
            }
        }
        return Optional.ofNullable(found);
    }

    private static boolean isTighter(Room room, int one, int other) {
        if (room.gpus(one) != room.gpus(other)) {
            return room.gpus(one) < room.gpus(other);
        }
        return room.cpuMillis(one) < room.cpuMillis(other);
    }

    /** How much of what is wanted a job's going gives, 0 to 3; never 0, to be divided by. */
    private static double relief(Demand going, Demand wanted) {
        double relief = part(going.cpuMillis(), wanted.cpuMillis()) + part(going.memory(), wanted.memory()) + part(going.gpus(), wanted.gpus());
        return Math.max(1e-9, relief);
    }

    private static double part(long given, long wanted) {
        return wanted == 0 ? 0 : Math.min(1, (double) given / wanted);
    }

    private double share(Demand demand, int node) {
        return part(demand.gpus(), Math.max(1, Math.max(0, room.gpus(node)) + demand.gpus()))
                + part(demand.cpuMillis(), Math.max(0, room.cpuMillis(node)) + demand.cpuMillis())
                + part(demand.memory(), Math.max(0, room.memory(node)) + demand.memory());
    }
}
