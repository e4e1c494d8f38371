package dev.ferry.coordinator.scheduling;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.operations.Opening;
import dev.ferry.coordinator.placement.Placement;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.JobVerdict;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.PassOutput;
import dev.ferry.proto.v1.PassVictim;
import dev.ferry.proto.v1.PreemptionRecord;
import dev.ferry.proto.v1.PreemptionVerdict;
import dev.ferry.proto.v1.RoomClaim;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Writes what a look at the queue has decided: operations, claims, and for each job that waits why it does. */
final class PassWriter {
    /** Of so many jobs it is said node by node why there is no room. */
    private static final int DETAILED = 32;

    private final Transaction state;
    private final PassOutput output;
    private final String decision;
    private final List<String> operations = new ArrayList<>();
    private final Set<String> jobs = new LinkedHashSet<>();
    /** Why jobs that were to start could not, by their ids. */
    private final Map<String, String> refused = new LinkedHashMap<>();
    private int detailed;
    private int starts;
    private int victims;
    private int moves;

    /**
     * @param decision id under which it will be recorded, if anything is begun
     */
    PassWriter(Transaction state, PassOutput output, String decision) {
        this.state = state;
        this.output = output;
        this.decision = decision;
    }

    /**
     * Starts who has room.
     *
     * @return the nodes that could not take a job after all, by the jobs' ids: the room that it was to have is others'
     */
    Map<String, String> start() {
        List<JobVerdict> verdicts = output.getVerdictsList().stream().filter(verdict -> verdict.getKind() == JobVerdict.Kind.STARTS).toList();
        verdicts.forEach(this::begin);
        return verdicts.stream().filter(verdict -> refused.containsKey(verdict.getJob())).collect(Collectors.toMap(JobVerdict::getJob, JobVerdict::getNode));
    }

    /** Writes the rest. */
    void write() {
        refused.forEach((job, why) -> reason(state.job(job).orElseThrow(), why));
        output.getPreemptionsList().stream().filter(PreemptionVerdict::getPreempts).forEach(this::preempt);
        for (JobVerdict verdict : output.getVerdictsList()) {
            state.job(verdict.getJob()).filter(Queue::waits).ifPresent(job -> waits(job, verdict));
        }
    }

    List<String> operations() {
        return operations;
    }

    Set<String> jobs() {
        return jobs;
    }

    /** In few words. */
    String summary() {
        List<String> words = new ArrayList<>();
        if (starts > 0) {
            words.add(starts == 1 ? "1 job starts" : starts + " jobs start");
        }
        if (victims > 0) {
            words.add((victims == 1 ? "1 job makes" : victims + " jobs make") + " room");
        }
        if (moves > 0) {
            words.add((moves == 1 ? "1 job is moved" : moves + " jobs are moved") + " so that others fit");
        }
        return String.join(", ", words);
    }

    private void begin(JobVerdict verdict) {
        Job job = state.job(verdict.getJob()).orElseThrow();
        try {
            operations.add(Starter.begin(state, job, verdict.getNode(), decision));
            jobs.add(job.getId());
            starts++;
        } catch (FerryException none) {
            refused.put(job.getId(), String.valueOf(none.getMessage()));
        }
    }

    private void preempt(PreemptionVerdict verdict) {
        RoomClaim.Builder claim = RoomClaim.newBuilder().setNode(verdict.getNode()).setDecision(decision);
        for (PassVictim victim : verdict.getVictimsList()) {
            boolean moves = !victim.getTo().isEmpty();
            String operation = moves ? move(victim, verdict.getJob()) : take(victim, verdict.getJob());
            claim.addOperations(operation);
            operations.add(operation);
            jobs.add(victim.getJob());
            victims += moves ? 0 : 1;
            this.moves += moves ? 1 : 0;
        }
        Job taker = state.job(verdict.getJob()).orElseThrow();
        jobs.add(taker.getId());
        Job ignored = state.put(taker.toBuilder().setQueue(taker.getQueue().toBuilder().setClaim(claim)).build());
    }

    /** A victim comes back by itself: that is written before it goes. */
    private String take(PassVictim victim, String taker) {
        Job job = state.job(victim.getJob()).orElseThrow();
        long now = state.now();
        Job hit = hit(job, now);
        Operation.Builder operation = Operation.newBuilder().setCause("preemption for " + taker).setDecision(decision).setForJob(taker).setSourceNode(job.getNode());
        String id = Opening.open(state, hit, victim.getPark() ? OperationKind.PARK : OperationKind.SUSPEND, operation).getId();
        record(id, victim, job, now);
        return id;
    }

    /**
     * One that has room elsewhere goes there, and counts as hit: it is left alone for as long as if it had been taken away. If it can't be restored there
     * it is in the queue: nobody asked for it to be moved, so nobody would bring it back.
     */
    private String move(PassVictim mover, String taker) {
        Job job = state.job(mover.getJob()).orElseThrow();
        long now = state.now();
        Job hit = hit(job, now);
        Operation.Builder operation = Operation.newBuilder().setCause("room for " + taker).setDecision(decision).setForJob(taker).setSourceNode(job.getNode()).setTargetNode(mover.getTo()).setTargetFixed(true);
        String id = Opening.open(state, hit, OperationKind.MIGRATE, operation).getId();
        record(id, mover, job, now);
        return id;
    }

    private static Job hit(Job job, long now) {
        return job.toBuilder().setQueue(job.getQueue().toBuilder().setComesBack(true).setSince(now).setHits(job.getQueue().getHits() + 1).setLastHit(now)).build();
    }

    private void record(String operation, PassVictim victim, Job job, long now) {
        state.put(
                DecisionKinds.PREEMPTION,
                PreemptionRecord.newBuilder().setOperation(operation).setJob(victim.getJob()).setAt(now).setMoving(victim.getCost()).setInGpus(job.getSpec().getGpus() > 0).build());
    }

    private void waits(Job job, JobVerdict verdict) {
        String why =
                switch (verdict.getKind()) {
                    case NODE_IS_KEPT, NO_ROOM -> noRoom(job);
                    case ROOM_IS_ANOTHERS -> "the room that there is is kept for a job before it in the queue";
                    case HELD -> verdict.getWhy();
                    case ROOM_IS_MADE -> "room is being made for it on " + job.getQueue().getClaim().getNode();
                    case STARTS -> "";
                    case KIND_UNSPECIFIED, UNRECOGNIZED -> throw new IllegalArgumentException("a verdict on " + job.getId() + " without a kind");
                };
        // One that was to start and found no room after all has its reason already.
        if (!why.isEmpty()) {
            reason(job, left(job) + (job.getQueue().hasClaim() ? "room is being made for it on " + job.getQueue().getClaim().getNode() : why));
        }
    }

    /** Why it is in the queue again. */
    private static String left(Job job) {
        if (job.getState() == JobState.PENDING) {
            return "";
        }
        return job.getQueue().getCause().isEmpty() ? "preempted; " : job.getQueue().getCause() + "; ";
    }

    private String noRoom(Job job) {
        if (detailed == DETAILED) {
            return "no node has room for it, and others wait before it";
        }
        detailed++;
        if (job.getState() == JobState.PARKED) {
            return "its node " + job.getNode() + " has no GPUs free for it";
        }
        try {
            String ignored = Placement.choose(state, new Placement.Request(Queue.wish(job), Queue.needs(state, job), "", Set.of(), ""));
            return "no node of partition " + job.getQueue().getPartition() + " has room for it that is not kept for another job";
        } catch (FerryException none) {
            return none.getMessage();
        }
    }

    /** Nothing is written when nothing is new: each write is a change that asks for the next look. */
    private void reason(Job job, String why) {
        if (!job.getReason().equals(why)) {
            Job ignored = state.put(job.toBuilder().setReason(why).build());
        }
    }
}
