package dev.ferry.coordinator.scheduling;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.accounts.AccountBook;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.PassInput;
import dev.ferry.proto.v1.PassRunning;
import dev.ferry.proto.v1.PassWaiting;
import dev.ferry.proto.v1.PreemptionRecord;
import dev.ferry.proto.v1.RebalancePlan;
import dev.ferry.proto.v1.RebalanceRequest;
import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.SchedulingPass;
import dev.ferry.scheduling.pass.WaitingJob;
import dev.ferry.scheduling.rebalance.Gain;
import dev.ferry.scheduling.rebalance.Rebalance;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Migrates jobs off GPUs that are failing, and so that others, which wait though the cluster has enough for them in pieces, fit: see {@link Rebalance}. The same
 * guards spare the latter as in a preemption: their least time after a start, the time between two hits, what it may cost.
 */
final class Rebalancer {
    /** What stands before the job as the cause of each migration. */
    static final String CAUSE = "rebalance";

    private static final int USUAL_MOVES = 8;
    private static final int MOST_PLANS = 16;
    private static final long MILLIS = 1000;

    private final StateStore store;
    private final SchedulingConfig config;
    private final DecisionsApi.Migration migration;

    Rebalancer(StateStore store, SchedulingConfig config, DecisionsApi.Migration migration) {
        this.store = store;
        this.config = config;
        this.migration = migration;
    }

    /**
     * Makes a plan, and carries it out unless it is only to be said.
     *
     * @throws FerryException INVALID_ARGUMENT
     */
    RebalancePlan rebalance(RebalanceRequest request) {
        if (request.getMostMoves() < 0) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Not " + request.getMostMoves() + " jobs can be moved; say 1 or more, or 0 for " + USUAL_MOVES);
        }
        int most = request.getMostMoves() == 0 ? USUAL_MOVES : request.getMostMoves();
        RebalancePlan plan = store.transact(state -> plan(state, most)).toBuilder().setDryRun(request.getDryRun()).build();
        return request.getDryRun() ? plan : carryOut(plan);
    }

    /** The core knows of room only: who would go to a node that does not suit him stays, and is left out of the next plan. */
    private RebalancePlan plan(Transaction state, int most) {
        PassInput input = PassReader.read(state, config);
        Set<String> staying = new HashSet<>();
        for (int tries = 0; tries < MOST_PLANS; tries++) {
            RebalancePlan plan = plan(state, input, most, staying);
            List<String> unsuited = plan.getGainsList().stream().flatMap(gain -> gain.getMovesList().stream()).filter(move -> !suits(state, move)).map(RebalancePlan.Move::getJob).toList();
            if (unsuited.isEmpty()) {
                return plan;
            }
            staying.addAll(unsuited);
        }
        return RebalancePlan.newBuilder().setWaiting(input.getWaitingCount()).build();
    }

    private static boolean suits(Transaction state, RebalancePlan.Move move) {
        Node to = state.node(move.getTo()).orElseThrow();
        Labels labels = new Labels(state, AccountBook.read(state), List.of(to));
        return state.job(move.getJob()).flatMap(labels::of).isPresent() && labels.node(0) != 0;
    }

    private RebalancePlan plan(Transaction state, PassInput input, int most, Set<String> staying) {
        Room room = PassDecider.room(input);
        Set<String> tried = triedLately(state);
        List<RunningJob> running = new ArrayList<>();
        for (int at = 0; at < input.getRunningCount(); at++) {
            running.add(running(state, input, at, tried, staying));
        }
        // Off a failing GPU goes also who was just started or hit: what it has done since the GPU began to fail may be lost at any moment.
        List<RebalancePlan.Move> off = FailingGpus.leave(state, input, room, running, most, move -> suits(state, move));
        Set<String> leaving = new HashSet<>(off.stream().map(RebalancePlan.Move::getJob).toList());
        running.replaceAll(job -> leaving.contains(input.getRunning((int) job.id()).getJob()) || rests(input, (int) job.id()) ? job.leaving() : job);
        List<WaitingJob> waiting = new ArrayList<>();
        for (int at = 0; at < input.getWaitingCount(); at++) {
            PassWaiting one = input.getWaiting(at);
            if (one.getHeld().isEmpty() && !one.getClaims()) {
                waiting.add(new WaitingJob(at, 0, one.getPriority(), one.getSince(), PassDecider.demand(one.getDemand()), WaitingJob.UNKNOWN));
            }
        }
        waiting.sort(SchedulingPass.ORDER);
        List<Gain> gains = Rebalance.plan(room, running, waiting, new Rebalance.Policy(most - off.size(), config.preemptionPolicy().worth(), config.preemptionPolicy().horizon()));
        RebalancePlan.Builder plan = RebalancePlan.newBuilder().setWaiting(waiting.size()).addAllLeaving(off);
        gains.forEach(gain -> plan.addGains(gain(input, gain)));
        return plan.build();
    }

    private boolean rests(PassInput input, int at) {
        PassRunning one = input.getRunning(at);
        return input.getNow() - one.getSince() < config.preemptionPolicy().minimumRun() || one.getLastHit() > 0 && input.getNow() - one.getLastHit() < config.preemptionPolicy().spacing();
    }

    /** A move that failed changes nothing else of the job, and would be tried again at once. */
    private Set<String> triedLately(Transaction state) {
        long from = state.now() - config.preemptionPolicy().spacing() * MILLIS;
        return state.records(DecisionKinds.MOVE, RecordQuery.all().from(from)).stream().map(PreemptionRecord::getJob).collect(Collectors.toSet());
    }

    private RunningJob running(Transaction state, PassInput input, int at, Set<String> tried, Set<String> staying) {
        PassRunning one = input.getRunning(at);
        boolean pinned = state.job(one.getJob()).filter(job -> !job.getSpec().getNode().isEmpty()).isPresent();
        boolean movable = one.getImmovable().isEmpty() && !one.getLeaving() && !tried.contains(one.getJob()) && !pinned && !staying.contains(one.getJob());
        return new RunningJob(at, 0, PassDecider.demand(one.getDemand()), new int[] {one.getNode()}, one.getSince(), WaitingJob.UNKNOWN, one.getMoveSeconds(), one.getHits(), one.getLastHit(), movable, false, one.getFailingGpus());
    }

    private static RebalancePlan.Gain gain(PassInput input, Gain gain) {
        RebalancePlan.Gain.Builder told = RebalancePlan.Gain.newBuilder().setJob(input.getWaiting((int) gain.job().id()).getJob()).setNode(input.getNodes(gain.node()).getName());
        for (Gain.Move move : gain.moves()) {
            PassRunning job = input.getRunning((int) move.job().id());
            told.addMoves(
                    RebalancePlan.Move.newBuilder()
                            .setJob(job.getJob())
                            .setFrom(input.getNodes(job.getNode()).getName())
                            .setTo(input.getNodes(move.to()).getName())
                            .setSeconds(job.getMoveSeconds()));
        }
        return told.build();
    }

    private RebalancePlan carryOut(RebalancePlan plan) {
        RebalancePlan.Builder done = plan.toBuilder();
        for (RebalancePlan.Move.Builder move : done.getLeavingBuilderList()) {
            begin(move, CAUSE + ", " + move.getWhy());
        }
        for (RebalancePlan.Gain.Builder gain : done.getGainsBuilderList()) {
            for (RebalancePlan.Move.Builder move : gain.getMovesBuilderList()) {
                begin(move, CAUSE + " for " + gain.getJob());
            }
        }
        return done.build();
    }

    private void begin(RebalancePlan.Move.Builder move, String cause) {
        try {
            move.setOperation(migration.begin(move.getJob(), move.getTo(), cause).getId());
            store.transact(
                    state -> {
                        state.put(DecisionKinds.MOVE, PreemptionRecord.newBuilder().setOperation(move.getOperation()).setJob(move.getJob()).setAt(state.now()).setMoving(move.getSeconds()).build());
                        return true;
                    });
        } catch (FerryException refused) {
            // It ended, or somebody else moves it: the next look at the cluster decides anew.
            move.setRefusal(String.valueOf(refused.getMessage()));
        }
    }
}
