package dev.ferry.scheduling.preempt;

import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.WaitingJob;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * Finds the nodes for one waiting job, and who leaves them: jobs that are moved, since they have room on another node that is free now (their accounts hold what they held), and victims, whose accounts keep
 * their dues without them. On each node whoever is cheapest for what it gives leaves first; who can be moved is not preempted.
 */
final class RoomMaker {
    private final WaitingJob job;
    private final Balance balance;
    private final boolean moving;
    private final Set<Integer> kept;
    private final Set<Integer> barred;
    private final ToDoubleFunction<RunningJob> cost;
    /** What is free, less what those that are moved take. */
    private final Room room;

    private final Map<Integer, List<RunningJob>> byNode = new HashMap<>();
    private final Set<RunningJob> victims = new LinkedHashSet<>();
    private final Map<RunningJob, Integer> moves = new LinkedHashMap<>();
    private final Set<Integer> chosen = new HashSet<>();
    private final Map<Integer, Double> taken = new HashMap<>();

    /**
     * @param allowed running jobs that no guard protects
     * @param moving whether jobs may be moved
     * @param kept nodes where they may not go
     * @param barred nodes that nobody leaves for the job
     */
    RoomMaker(WaitingJob job, Room room, List<RunningJob> allowed, Balance balance, boolean moving, Set<Integer> kept, Set<Integer> barred, Comparator<RunningJob> cheapest, ToDoubleFunction<RunningJob> cost) {
        this.job = job;
        this.balance = balance;
        this.moving = moving;
        this.kept = kept;
        this.barred = barred;
        this.cost = cost;
        this.room = moving ? room.copy() : room;
        for (RunningJob one : allowed) {
            for (int node : one.nodes()) {
                byNode.computeIfAbsent(node, none -> new ArrayList<>()).add(one);
            }
        }
        byNode.values().forEach(jobs -> jobs.sort(cheapest));
    }

    /** Those whose accounts lose room. */
    List<RunningJob> victims() {
        return List.copyOf(victims);
    }

    /** Those that go elsewhere. */
    List<Decision.Move> moves() {
        return moves.entrySet().stream().map(move -> new Decision.Move(move.getKey(), move.getValue())).toList();
    }

    private record Candidate(int node, double cost) {}

    /**
     * Chooses nodes and who leaves them.
     *
     * @return empty if there are too few
     */
    int[] choose() {
        List<Candidate> candidates = new ArrayList<>();
        for (int node = 0; node < room.nodes(); node++) {
            Map<RunningJob, Integer> leaving = leaving(node);
            if (leaving != null) {
                candidates.add(new Candidate(node, leaving.keySet().stream().mapToDouble(cost).sum()));
            }
        }
        candidates.sort(Comparator.comparingDouble(Candidate::cost).thenComparingInt(Candidate::node));
        int[] nodes = new int[job.demand().nodes()];
        int count = 0;
        for (Candidate candidate : candidates) {
            // Anew: what was taken since may have freed this node too, used up what an account can give, or the room of those that move.
            Map<RunningJob, Integer> leaving = leaving(candidate.node());
            if (leaving == null) {
                continue;
            }
            leaving.forEach(this::leaves);
            chosen.add(candidate.node());
            nodes[count++] = candidate.node();
            if (count == nodes.length) {
                spareTheNeedless(nodes);
                return nodes;
            }
        }
        return new int[0];
    }

    private static final int NOWHERE = -1;

    private void leaves(RunningJob one, int to) {
        if (to == NOWHERE) {
            victims.add(one);
            taken.merge(one.account(), one.demand().size(balance.inGpus()), Double::sum);
        } else {
            moves.put(one, to);
            room.take(new int[] {to}, one.demand());
        }
    }

    private void stays(RunningJob one, int to) {
        if (to == NOWHERE) {
            victims.remove(one);
            taken.merge(one.account(), -one.demand().size(balance.inGpus()), Double::sum);
        } else {
            moves.remove(one);
            room.give(new int[] {to}, one.demand());
        }
    }

    /** The cheapest jobs that must go from a node besides those that go already, and where to; null if it can't be freed. */
    private @Nullable Map<RunningJob, Integer> leaving(int node) {
        Map<RunningJob, Integer> more = new LinkedHashMap<>();
        if (fits(node, more.keySet())) {
            return more;
        }
        if (barred.contains(node) || !room.hasLabels(node, job.demand())) {
            return null;
        }
        Map<Integer, Double> giving = new HashMap<>();
        boolean fits = false;
        for (RunningJob one : byNode.getOrDefault(node, List.of())) {
            if (victims.contains(one) || moves.containsKey(one)) {
                continue;
            }
            int to = target(one, node);
            if (to != NOWHERE) {
                room.take(new int[] {to}, one.demand());
            } else if (!gives(one, giving)) {
                continue;
            }
            more.put(one, to);
            fits = fits(node, more.keySet());
            if (fits) {
                break;
            }
        }
        more.forEach((one, to) -> give(to, one.demand()));
        if (!fits) {
            return null;
        }
        if (moving) {
            for (RunningJob one : dearestFirst(more.keySet())) {
                Integer to = more.remove(one);
                if (!fits(node, more.keySet())) {
                    more.put(one, to);
                }
            }
        }
        return more;
    }

    private void give(int to, Demand demand) {
        if (to != NOWHERE) {
            room.give(new int[] {to}, demand);
        }
    }

    /** The node that a job could go to with the least room left over: whole nodes stay whole. */
    private int target(RunningJob one, int from) {
        return moving && one.relocatable() && one.nodes().length == 1 ? room.tightest(one.demand(), to -> to != from && !chosen.contains(to) && !kept.contains(to)) : NOWHERE;
    }

    private boolean gives(RunningJob one, Map<Integer, Double> giving) {
        double all = giving.getOrDefault(one.account(), 0.0) + one.demand().size(balance.inGpus());
        if (one.account() == job.account() || !balance.keepsDue(one.account(), taken.getOrDefault(one.account(), 0.0) + all)) {
            return false;
        }
        giving.put(one.account(), all);
        return true;
    }

    private boolean fits(int node, Collection<RunningJob> more) {
        Demand demand = job.demand();
        long cpu = room.cpuMillis(node);
        long memory = room.memory(node);
        int gpus = room.gpus(node);
        for (RunningJob one : byNode.getOrDefault(node, List.of())) {
            if (victims.contains(one) || moves.containsKey(one) || more.contains(one)) {
                cpu += one.demand().cpuMillis();
                memory += one.demand().memory();
                gpus += one.freed().gpus();
            }
        }
        return demand.fitsInto(cpu, memory, gpus) && room.hasLabels(node, demand);
    }

    private List<RunningJob> dearestFirst(Collection<RunningJob> jobs) {
        List<RunningJob> dearest = new ArrayList<>(jobs);
        dearest.sort(Comparator.comparingDouble(cost).reversed().thenComparingLong(RunningJob::id));
        return dearest;
    }

    /** Takes back the dearest without whom there is room all the same. */
    private void spareTheNeedless(int[] nodes) {
        List<RunningJob> all = new ArrayList<>(victims);
        all.addAll(moves.keySet());
        for (RunningJob one : dearestFirst(all)) {
            int to = moves.getOrDefault(one, NOWHERE);
            stays(one, to);
            for (int node : nodes) {
                if (!fits(node, List.of())) {
                    leaves(one, to);
                    break;
                }
            }
        }
    }
}
