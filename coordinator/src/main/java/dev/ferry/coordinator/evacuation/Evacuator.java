package dev.ferry.coordinator.evacuation;

import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.evacuation.EvacuationPlan.Move;
import dev.ferry.coordinator.evacuation.EvacuationPlan.Way;
import dev.ferry.coordinator.scheduling.Queue;
import dev.ferry.coordinator.scheduling.TimeLimits;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.EvacuationState;
import dev.ferry.proto.v1.EvacuationWay;
import dev.ferry.proto.v1.Evacuee;
import dev.ferry.proto.v1.EvacueeState;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.NoticeKind;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What an evacuation is by now, and what is begun for it next: decided anew from the store each time, so that it does not matter what was
 * forgotten in between. Holds nothing.
 */
final class Evacuator {
    /** While the machine lives on, a try that failed is soon made again. */
    static final Duration URGENT_PAUSE = Duration.ofSeconds(2);

    private static final Duration PATIENT_PAUSE = Duration.ofMinutes(1);
    /** What an advisory notice finds fresh enough. */
    private static final Duration FRESH = Duration.ofSeconds(60);

    private final EvacuationConfig config;

    /** An operation to begin. */
    record Begin(String job, OperationKind kind) {}

    /**
     * @param after the record as it is now
     * @param queue jobs that are stored because of it, as they stand in the queue from now on
     */
    record Decision(Evacuation after, List<Begin> begin, List<Job> queue) {}

    Evacuator(EvacuationConfig config) {
        this.config = config;
    }

    /** What stands as the cause of every operation of an evacuation. */
    static String cause(Evacuation evacuation) {
        return "evacuation " + evacuation.getId() + " of " + evacuation.getNode();
    }

    Decision decide(Transaction state, Evacuation before) {
        long now = state.now();
        Evacuation.Builder after = before.toBuilder();
        if (before.getState() == EvacuationState.AWAITED) {
            if (now < before.getBeginsAt() && !before.getTakenBack()) {
                return new Decision(before, List.of(), List.of());
            }
            after.setState(EvacuationState.EVACUATING);
        }
        Map<String, Evacuee> evacuees = new LinkedHashMap<>();
        before.getJobsList().forEach(evacuee -> evacuees.put(evacuee.getJob(), evacuee));
        Rooms rooms = new Rooms(state, before.getTakenBack() ? "" : before.getNode());
        List<Job> queue = waiting(state, before, evacuees, rooms);
        List<Begin> begin = new ArrayList<>();
        Duration left = Duration.ofMillis(before.getDeadline() - now).minus(dev.ferry.common.Durations.parse(config.margin()));
        Situation situation = Situation.of(state, before.getNode(), cause(before), left.isNegative() ? PATIENT_PAUSE : URGENT_PAUSE, config, rooms);
        List<Evacuee> ordered = new ArrayList<>();
        if (before.getKind() == NoticeKind.ADVISORY && !before.getTakenBack()) {
            begin.addAll(copies(state, before, situation, evacuees));
        } else if (!before.getTakenBack()) {
            EvacuationPlan plan = Planner.plan(left, situation.pace(), situation.jobs());
            for (Move move : plan.moves()) {
                Job job = state.job(move.job().job()).orElseThrow();
                Evacuee planned = planned(evacuees.getOrDefault(job.getId(), fresh(job)), move);
                ordered.add(planned);
                evacuees.put(job.getId(), planned);
                next(job, move).ifPresent(begin::add);
            }
        }
        evacuees.values().stream().filter(evacuee -> ordered.stream().noneMatch(one -> one.getJob().equals(evacuee.getJob()))).forEach(ordered::add);
        after.clearJobs().addAllJobs(ordered.stream().map(evacuee -> seen(state, before, evacuee)).toList());
        after.setLinkBytesPerSecond(situation.pace().linkBytesPerSecond()).setScanBytesPerSecond(situation.pace().scanBytesPerSecond()).setFixedMillis(situation.pace().fixed().toMillis()).setPlannedAt(now);
        if (begin.isEmpty() && isDone(after) && !isAwaited(state, after)) {
            after.setState(before.getTakenBack() && before.getGone().isEmpty() ? EvacuationState.TAKEN_BACK : EvacuationState.EVACUATED).setEndedAt(now);
        }
        return new Decision(after.build(), begin, queue);
    }

    /** Only what would be done, for a node about which nothing was announced. */
    Evacuation dryRun(Transaction state, Evacuation wanted) {
        return decide(state, wanted).after().toBuilder().setDryRun(true).setState(EvacuationState.AWAITED).build();
    }

    private static Evacuee fresh(Job job) {
        return Evacuee.newBuilder().setJob(job.getId()).setName(job.getSpec().getName()).setIncarnation(job.getIncarnation()).setState(EvacueeState.STILL_THERE).build();
    }

    private static Evacuee planned(Evacuee before, Move move) {
        EvacuationWay way = way(move);
        String why = why(move);
        Evacuee.Builder after =
                before.toBuilder()
                        .setWay(way)
                        .setWhy(why)
                        .setImage(move.job().image().orElse(""))
                        .setUnsavedMillis(move.job().unsaved().toMillis())
                        .setWorth(move.job().worth())
                        .setSendBytes(move.job().sendBytes())
                        .setStartsMillis(move.starts().toMillis())
                        .setEndsMillis(move.ends().toMillis());
        if (before.getFirstWay() == EvacuationWay.EVACUATION_WAY_UNSPECIFIED) {
            after.setFirstWay(way).setFirstWhy(why);
        }
        return after.build();
    }

    static EvacuationWay way(Move move) {
        return switch (move.way()) {
            case Way.Migrate migrate -> EvacuationWay.WAY_MIGRATE;
            case Way.Store store -> EvacuationWay.WAY_STORE;
            case Way.Covered covered -> EvacuationWay.WAY_COVERED;
            case Way.WillNotMakeIt late -> EvacuationWay.WAY_WILL_NOT_MAKE_IT;
        };
    }

    /** For people. */
    static String why(Move move) {
        String fallBack = move.job().image().map(image -> "; it goes on from image " + image).orElse("; it has no image");
        return switch (move.way()) {
            case Way.Migrate migrate -> "another node has room";
            case Way.Store store -> "no other node has room now";
            case Way.Covered covered -> "image " + covered.image() + " is fresh enough";
            case Way.WillNotMakeIt late -> late.why() + fallBack;
        };
    }

    /** The operation that a job's part of the plan begins with now. */
    private static Optional<Begin> next(Job job, Move move) {
        boolean itsTurn = move.starts().isZero() && !move.underWay() && move.job().obstacle().isEmpty() && job.getOperation().isEmpty();
        if (!itsTurn || move.job().turn() == JobAtStake.Turn.NOT_YET) {
            return Optional.empty();
        }
        return switch (move.way()) {
            case Way.Migrate migrate -> Optional.of(new Begin(job.getId(), OperationKind.MIGRATE));
            case Way.Store store -> Optional.of(new Begin(job.getId(), OperationKind.SUSPEND));
            // Without room elsewhere it works on until the end, and its image waits for room.
            case Way.Covered covered -> move.job().room() ? Optional.of(new Begin(job.getId(), OperationKind.REWIND)) : Optional.empty();
            // The estimate may be wrong, and the lane is free.
            case Way.WillNotMakeIt late -> Optional.of(new Begin(job.getId(), move.job().room() ? OperationKind.MIGRATE : OperationKind.SUSPEND));
        };
    }

    /**
     * What lies in the store because of this evacuation waits in the queue, and goes on from there when it is its turn.
     *
     * @return those that are not in the queue yet, as they shall be
     */
    private static List<Job> waiting(Transaction state, Evacuation evacuation, Map<String, Evacuee> evacuees, Rooms rooms) {
        List<Job> queue = new ArrayList<>();
        for (Evacuee evacuee : evacuees.values()) {
            Optional<Job> job = state.job(evacuee.getJob()).filter(one -> waits(state, evacuation, one));
            if (job.isEmpty()) {
                continue;
            }
            // The room that it will get is not promised to those that have not left yet; what others make for it counts as taken already.
            Optional<String> ignored = job.get().getQueue().hasClaim() ? Optional.empty() : rooms.take(job.get().getSpec(), Situation.needs(state, job.get()));
            if (!Queue.isEvacuated(job.get(), cause(evacuation))) {
                queue.add(Queue.evacuated(job.get(), state.now(), cause(evacuation)));
            }
        }
        return queue;
    }

    /** Whether a job is stored and without an operation because of this evacuation, and not because somebody wanted so. */
    private static boolean waits(Transaction state, Evacuation evacuation, Job job) {
        boolean stored = job.getOperation().isEmpty() && Situation.isStored(job);
        boolean here = job.getNode().equals(evacuation.getNode());
        // Nobody brings a job back that has used up its time: it waits for an operator, not for room.
        return stored && !TimeLimits.isUsedUp(state, job) && (job.getState() == JobState.LOST ? here : new JobHistory(state, job, cause(evacuation)).isLastOfOurs());
    }

    /** New images of the jobs while they run on, one at a time. */
    private static List<Begin> copies(Transaction state, Evacuation evacuation, Situation situation, Map<String, Evacuee> evacuees) {
        List<Begin> begin = new ArrayList<>();
        boolean busy = situation.jobs().stream().anyMatch(one -> isCopying(state, one.job()));
        for (JobAtStake one : situation.jobs()) {
            Job job = state.job(one.job()).orElseThrow();
            Optional<Image> image = one.image().flatMap(state::image);
            boolean fresh = image.isPresent() && image.get().getCreatedAt() >= evacuation.getBeginsAt() - FRESH.toMillis();
            String why = fresh ? "image " + one.image().orElseThrow() + " was made for it" : one.obstacle().orElse("the machine may go away: a new image is made while it runs on");
            Evacuee.Builder evacuee = evacuees.getOrDefault(job.getId(), fresh(job)).toBuilder().setWay(fresh ? EvacuationWay.WAY_COVERED : EvacuationWay.WAY_COPY).setWhy(why).setImage(one.image().orElse("")).setUnsavedMillis(one.unsaved().toMillis()).setWorth(one.worth()).setSendBytes(one.sendBytes());
            evacuees.put(job.getId(), evacuee.build());
            boolean due = !busy && !fresh && one.obstacle().isEmpty() && job.getOperation().isEmpty() && job.getState() == JobState.RUNNING && new JobHistory(state, job, cause(evacuation)).mayTry(state.now(), PATIENT_PAUSE);
            if (due) {
                begin.add(new Begin(job.getId(), OperationKind.CHECKPOINT));
                busy = true;
            }
        }
        return begin;
    }

    private static boolean isCopying(Transaction state, String job) {
        return state.job(job).flatMap(one -> state.operation(one.getOperation())).filter(operation -> operation.getKind() == OperationKind.CHECKPOINT && operation.getState() == OperationState.OPEN).isPresent();
    }

    /** How a job stands by now. */
    private static Evacuee seen(Transaction state, Evacuation evacuation, Evacuee evacuee) {
        Optional<Job> job = state.job(evacuee.getJob());
        Optional<Operation> ours = job.flatMap(one -> new JobHistory(state, one, cause(evacuation)).lastOfOurs());
        boolean rewound = ours.filter(operation -> operation.getKind() == OperationKind.RESTORE || operation.getKind() == OperationKind.REWIND).filter(operation -> operation.getState() != OperationState.FAILED_OPERATION).isPresent();
        return evacuee.toBuilder()
                .setState(job.map(one -> state(state, evacuation, one, ours)).orElse(EvacueeState.HAS_ENDED))
                .setOperation(ours.map(Operation::getId).orElse(evacuee.getOperation()))
                .setFromImage(evacuee.getFromImage() || rewound)
                .build();
    }

    private static EvacueeState state(Transaction state, Evacuation evacuation, Job job, Optional<Operation> ours) {
        if (JobStates.isEnded(job.getState())) {
            return EvacueeState.HAS_ENDED;
        }
        if (ours.filter(operation -> operation.getState() == OperationState.OPEN).isPresent()) {
            return EvacueeState.ON_ITS_WAY;
        }
        if (Situation.isThere(job, evacuation.getNode())) {
            return EvacueeState.STILL_THERE;
        }
        if (waits(state, evacuation, job)) {
            return EvacueeState.WAITS_FOR_ROOM;
        }
        if (JobStates.isOnNode(job.getState())) {
            return EvacueeState.ELSEWHERE;
        }
        return job.getState() == JobState.LOST ? EvacueeState.IS_LOST : EvacueeState.HAS_ENDED;
    }

    /** Whether a job is still on its way to the machine, from before it was closed: it becomes one that is moved off. */
    private static boolean isAwaited(Transaction state, Evacuation.Builder evacuation) {
        boolean matters = EvacuationRecords.isMoving(evacuation) && evacuation.getGone().isEmpty();
        return matters && state.openOperations().stream().anyMatch(one -> one.getTargetNode().equals(evacuation.getNode()));
    }

    private static boolean isDone(Evacuation.Builder evacuation) {
        boolean toMove = evacuation.getKind() != NoticeKind.ADVISORY && !evacuation.getTakenBack();
        // Advice stands until it is taken back.
        boolean ends = evacuation.getKind() != NoticeKind.ADVISORY || evacuation.getTakenBack();
        return ends
                && evacuation.getJobsList().stream()
                        .allMatch(
                                evacuee ->
                                        switch (evacuee.getState()) {
                                            case ELSEWHERE, HAS_ENDED, IS_LOST -> true;
                                            case STILL_THERE -> !toMove;
                                            case ON_ITS_WAY, WAITS_FOR_ROOM, EVACUEE_STATE_UNSPECIFIED, UNRECOGNIZED -> false;
                                        });
    }
}
