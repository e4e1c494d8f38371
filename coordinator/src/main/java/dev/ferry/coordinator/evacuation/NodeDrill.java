package dev.ferry.coordinator.evacuation;

import dev.ferry.common.Durations;
import dev.ferry.coordinator.evacuation.EvacuationPlan.Move;
import dev.ferry.coordinator.evacuation.EvacuationPlan.Way;
import dev.ferry.coordinator.operations.StepName;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Drill;
import dev.ferry.proto.v1.DrillOutcome;
import dev.ferry.proto.v1.DrillState;
import dev.ferry.proto.v1.DrilledJob;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Step;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The drill of a node: the plan of an evacuation, of which each migration and each suspend is played by a checkpoint, in the plan's order and
 * beside each other as the plan has it. A checkpoint that fails is not made again. Decided anew from the store at each look; holds nothing.
 */
final class NodeDrill {
    private final EvacuationConfig config;

    /**
     * @param checkpoints jobs of which an image is made now
     */
    record Decision(Drill after, List<String> checkpoints) {}

    NodeDrill(EvacuationConfig config) {
        this.config = config;
    }

    /** What stands as the cause of every operation of a drill. */
    static String cause(Drill drill) {
        return "drill " + drill.getId() + " of " + drill.getNode();
    }

    Decision decide(Transaction state, Drill before) {
        Drill.Builder after = before.toBuilder();
        boolean broken = EvacuationRecords.open(state).stream().anyMatch(one -> EvacuationRecords.isMoving(one) && one.getNode().equals(before.getNode()));
        if (broken && before.getBrokenOff().isEmpty()) {
            after.setBrokenOff("the node is being evacuated");
        }
        Situation situation = Situation.of(state, before.getNode(), cause(before), Evacuator.URGENT_PAUSE, config, new Rooms(state, before.getNode()));
        Duration left = Duration.ofMillis(before.getDeadline() - state.now()).minus(Durations.parse(config.margin()));
        if (before.getLinkBytesPerSecond() == 0) {
            begin(state, after, situation, left);
        }
        Map<String, Optional<Operation>> ours = new HashMap<>();
        after.getJobsList().forEach(one -> ours.put(one.getJob(), state.job(one.getJob()).flatMap(job -> new JobHistory(state, job, cause(before)).lastOfOurs())));
        List<JobAtStake> toDo = situation.jobs().stream().filter(one -> isOpen(after, one.job()) && !hasEnded(ours.getOrDefault(one.job(), Optional.empty()))).map(one -> underWay(state, one, ours.getOrDefault(one.job(), Optional.empty()))).toList();
        EvacuationPlan plan = Planner.plan(left, situation.pace(), toDo);
        boolean mayBegin = after.getBrokenOff().isEmpty() && !left.isNegative();
        List<String> checkpoints = plan.moves().stream().filter(move -> mayBegin && isItsTurn(state, move)).map(move -> move.job().job()).toList();
        boolean working = !checkpoints.isEmpty() || ours.values().stream().flatMap(Optional::stream).anyMatch(operation -> operation.getState() == OperationState.OPEN);
        // A later one of the plan begins when those before it have ended; one whose job is busy with something else has until the deadline.
        boolean waits = mayBegin && plan.moves().stream().anyMatch(move -> !move.underWay() && move.job().obstacle().isEmpty() && !(move.way() instanceof Way.Covered));
        List<DrilledJob> jobs = after.getJobsList().stream().map(one -> seen(state, after, one, ours.getOrDefault(one.getJob(), Optional.empty()), plan, working || waits)).toList();
        after.clearJobs().addAllJobs(jobs);
        if (jobs.stream().allMatch(one -> one.getOutcome() != DrillOutcome.DRILL_OUTCOME_UNSPECIFIED)) {
            after.setState(DrillState.DRILL_DONE).setEndedAt(state.now());
        }
        return new Decision(after.build(), checkpoints);
    }

    private static void begin(Transaction state, Drill.Builder drill, Situation situation, Duration left) {
        drill.setLinkBytesPerSecond(situation.pace().linkBytesPerSecond()).setScanBytesPerSecond(situation.pace().scanBytesPerSecond()).setFixedMillis(situation.pace().fixed().toMillis());
        for (Move move : Planner.plan(left, situation.pace(), situation.jobs()).moves()) {
            Job job = state.job(move.job().job()).orElseThrow();
            drill.addJobs(
                    DrilledJob.newBuilder()
                            .setJob(job.getId())
                            .setName(job.getSpec().getName())
                            .setWay(Evacuator.way(move))
                            .setWhy(Evacuator.why(move))
                            .setRoom(move.job().room())
                            .setPlannedMillis(move.ends().toMillis())
                            .setImage(move.job().image().orElse(""))
                            .setWorth(move.job().worth()));
        }
    }

    private static boolean isOpen(Drill.Builder drill, String job) {
        return drill.getJobsList().stream().anyMatch(one -> one.getJob().equals(job) && one.getOutcome() == DrillOutcome.DRILL_OUTCOME_UNSPECIFIED);
    }

    private static boolean hasEnded(Optional<Operation> ours) {
        return ours.filter(operation -> operation.getState() != OperationState.OPEN).isPresent();
    }

    /** A checkpoint of the drill stands for the operation that would take the job away. */
    private static JobAtStake underWay(Transaction state, JobAtStake one, Optional<Operation> ours) {
        Optional<Duration> since = ours.map(operation -> operation.getStepsList().stream().filter(step -> step.getName().equals(StepName.DUMP.name())).findFirst().map(Step::getStartedAt).orElseGet(state::now)).map(begun -> Duration.ofMillis(Math.max(0, state.now() - begun)));
        return since.isEmpty() ? one : new JobAtStake(one.job(), one.weight(), one.unsaved(), one.image(), one.scanBytes(), one.sendBytes(), one.room(), one.obstacle(), since);
    }

    private static boolean isItsTurn(Transaction state, Move move) {
        boolean free = state.job(move.job().job()).filter(job -> job.getOperation().isEmpty() && (job.getState() == JobState.RUNNING || job.getState() == JobState.PARKED)).isPresent();
        // As an evacuation does, it tries also what it does not expect to make, when the lane is free.
        return free && move.starts().isZero() && !move.underWay() && move.job().obstacle().isEmpty() && !(move.way() instanceof Way.Covered);
    }

    /** How a job stands by now. */
    private static DrilledJob seen(Transaction state, Drill.Builder drill, DrilledJob one, Optional<Operation> ours, EvacuationPlan plan, boolean mayStillBegin) {
        if (one.getOutcome() != DrillOutcome.DRILL_OUTCOME_UNSPECIFIED) {
            return one;
        }
        DrilledJob.Builder now = one.toBuilder().setOperation(ours.map(Operation::getId).orElse(""));
        if (ours.isPresent()) {
            return ended(drill, now, ours.get());
        }
        if (state.job(one.getJob()).filter(job -> Situation.isThere(job, drill.getNode())).isEmpty()) {
            return now.setOutcome(DrillOutcome.HAS_GONE).setWhy("it has ended or lives elsewhere").build();
        }
        Optional<Move> move = plan.moves().stream().filter(each -> each.job().job().equals(one.getJob())).findFirst();
        if (move.filter(each -> each.way() instanceof Way.Covered).isPresent() && !mayStillBegin) {
            return now.setOutcome(DrillOutcome.WOULD_BE_COVERED).setWhy(Evacuator.why(move.get())).build();
        }
        if (mayStillBegin) {
            return now.build();
        }
        String why = drill.getBrokenOff().isEmpty() ? move.map(Evacuator::why).orElse("no image of it was begun in time") : drill.getBrokenOff();
        DrillOutcome outcome = drill.getBrokenOff().isEmpty() ? DrillOutcome.WOULD_BE_LOST : DrillOutcome.NOT_TRIED;
        return now.setOutcome(outcome).setWhy(why).build();
    }

    private static DrilledJob ended(Drill.Builder drill, DrilledJob.Builder now, Operation operation) {
        return switch (operation.getState()) {
            case SUCCEEDED -> {
                boolean late = operation.getEndedAt() > drill.getDeadline();
                yield now.setOutcome(late ? DrillOutcome.WOULD_BE_TOO_LATE : DrillOutcome.WOULD_BE_SAVED).setImage(operation.getImage()).setTookMillis(Math.max(1, operation.getEndedAt() - drill.getBeganAt())).build();
            }
            case FAILED_OPERATION -> now.setOutcome(DrillOutcome.WOULD_BE_LOST).setWhy(operation.getError().getMessage()).build();
            case OPEN, OPERATION_STATE_UNSPECIFIED, UNRECOGNIZED -> now.build();
        };
    }
}
