package dev.ferry.coordinator.operations;

import dev.ferry.common.Ids;
import dev.ferry.coordinator.nodes.LostNodes;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.ProofKind;
import dev.ferry.proto.v1.Resources;
import dev.ferry.proto.v1.Step;
import java.time.Duration;
import java.util.List;

/** One operation on a job with an image, on three nodes, through {@link OperationMachine}: to a step, through a crash, to its end. */
final class CrashWalk {
    private static final String JOB = "job-walked";
    private static final int MORE_THAN_ANY = 100;
    private static final Duration SOME_TIME = Duration.ofSeconds(1);

    private final Transaction state;
    private final CrashTable.Cell cell;
    private final OperationMachine machine = new OperationMachine(new NodeSteps(new Deadlines(SOME_TIME, SOME_TIME, SOME_TIME, SOME_TIME)));

    CrashWalk(Transaction state, CrashTable.Cell cell) {
        this.state = state;
        this.cell = cell;
    }

    Continuation run() {
        String id = begin().getId();
        Next next = machine.apply(state, id, new Event.Look());
        for (CrashTable.Leg leg : CrashTable.wayTo(cell.row())) {
            next = machine.apply(state, id, leg.done() ? well(id) : new Event.Answer(openStep(id).getNode(), failed(id)));
        }
        int at = state.operation(id).orElseThrow().getStepsCount() - 1;
        if (!openStep(id).getName().equals(cell.row().step().name())) {
            throw new IllegalStateException(cell + ": the operation is at " + openStep(id).getName());
        }
        next = crash(id, next);
        for (int i = 0; i < MORE_THAN_ANY && state.operation(id).orElseThrow().getState() == OperationState.OPEN; i++) {
            // What the machine says is done: a proof is heard at once, all else goes well.
            next = machine.apply(state, id, next instanceof Next.Go go ? go.event() : well(id));
        }
        Operation ended = state.operation(id).orElseThrow();
        if (ended.getState() == OperationState.OPEN) {
            throw new IllegalStateException(cell + ": the operation does not end: " + next);
        }
        return Continuation.of(ended, at, state.job(JOB).orElseThrow().getState());
    }

    /** What the crash makes the operation hear. */
    private Next crash(String id, Next standing) {
        Step open = openStep(id);
        StepName step = cell.row().step();
        return switch (cell.crash()) {
            // The next coordinator looks, and finds what the last one was told to do.
            case COORDINATOR_AT_BEGIN, COORDINATOR_BEFORE_WRITE, DAEMON_BEFORE -> standing;
            case DAEMON_MIDDLE -> restarted(id, DaemonRestart.inTheMiddle(step), standing);
            case DAEMON_BEFORE_WRITE -> restarted(id, DaemonRestart.beforeItsWrite(step), standing);
            case DAEMON_UNHEARD -> machine.apply(state, id, well(id));
            case NODE_LEASE_OVER -> {
                Node ignored = LostNodes.leaseEnded(state, node(open));
                yield machine.apply(state, id, new Event.NodeChanged(open.getNode()));
            }
            case NODE_DECLARED_DEAD -> {
                state.put(LostNodes.dead(state, node(open), ProofKind.PROOF_OPERATOR, "an operator"));
                yield machine.apply(state, id, new Event.NodeChanged(open.getNode()));
            }
            case SILENCE -> machine.apply(state, id, new Event.Silence(NodeSteps.commandId(id, step, open.getAttempt()), SOME_TIME));
        };
    }

    private Next restarted(String id, DaemonRestart answer, Next standing) {
        return switch (answer) {
            case AGAIN -> standing;
            case FINISHED -> machine.apply(state, id, well(id));
            case UNDONE -> machine.apply(state, id, new Event.Answer(openStep(id).getNode(), failed(id)));
        };
    }

    private Node node(Step open) {
        return state.node(open.getNode()).orElseThrow();
    }

    private Step openStep(String id) {
        return OperationMachine.openStep(state.operation(id).orElseThrow()).orElseThrow();
    }

    /** The open step is done as it should be. */
    private Event well(String id) {
        Step open = openStep(id);
        if (open.getNode().isEmpty()) {
            return new Event.Look();
        }
        CommandResult.Builder result = result(id, open);
        if (open.getName().equals(StepName.DUMP.name())) {
            result.setImage(image(state.operation(id).orElseThrow().getImage()));
        }
        return new Event.Answer(open.getNode(), result.build());
    }

    private static CommandResult.Builder result(String id, Step open) {
        return CommandResult.newBuilder().setId(NodeSteps.commandId(id, StepName.valueOf(open.getName()), open.getAttempt()));
    }

    /** The open step has failed and nothing of it is left: the job is as it was, or, where it was being made, killed. */
    private CommandResult failed(String id) {
        Step open = openStep(id);
        Job job = state.job(JOB).orElseThrow();
        boolean makes = open.getName().equals(StepName.START.name()) || open.getName().equals(StepName.RESTORE.name());
        JobReport report = JobReport.newBuilder().setJob(JOB).setIncarnation(job.getIncarnation()).setState(makes ? LocalState.LOCAL_KILLED : LocalState.LOCAL_RUNNING).build();
        return result(id, open).setJob(report).setError(ErrorDetail.newBuilder().setCode(ErrorCode.RESTORE_FAILED).setMessage("rolled back")).build();
    }

    private static Image image(String id) {
        return Image.newBuilder().setId(id).setJob(JOB).setSequence(NodeSteps.sequence(id)).setIncarnation(1).build();
    }

    private Operation begin() {
        for (String name : List.of("node-1", "node-2", "node-3")) {
            NodeFacts facts = NodeFacts.newBuilder().addGpus(Gpu.newBuilder().setUuid("GPU-of-" + name).setModel("any")).build();
            Resources capacity = Resources.newBuilder().setCpuMillis(8000).setMemoryBytes(16L << 30).setGpus(1).build();
            state.put(Node.newBuilder().setName(name).setState(NodeState.READY).setFacts(facts).setCapacity(capacity).setLeaseMillis(SOME_TIME.toMillis()).build());
        }
        Image latest = image(Ids.image(JOB, 1));
        state.put(latest);
        OperationKind kind = cell.row().plan().kind();
        JobState before = before(kind);
        Job.Builder job = Job.newBuilder().setId(JOB).setSpec(JobSpec.newBuilder().addCommand("/bin/true").setGpus(cell.row().gpus())).setState(before).setSubmittedAt(1);
        Operation.Builder operation = Operation.newBuilder().setCause("operator").setLive(cell.row().live());
        if (before != JobState.PENDING) {
            job.setNode("node-1").setIncarnation(1).setLatestImage(latest.getId()).setLastSequence(1);
            operation.setSourceNode("node-1");
        }
        if (cell.row().gpus() > 0) {
            job.addGpus("GPU-of-node-1");
        }
        if (kind == OperationKind.UNPARK) {
            operation.setTargetNode("node-1");
        }
        if (kind == OperationKind.RESUME || kind == OperationKind.RESTORE || kind == OperationKind.REWIND) {
            operation.setImage(latest.getId());
        }
        return Opening.open(state, state.put(job.build()), kind, operation);
    }

    /** What a job is when such an operation is begun. */
    private static JobState before(OperationKind kind) {
        return switch (kind) {
            case START -> JobState.PENDING;
            case CHECKPOINT, SUSPEND, MIGRATE, CANCEL, PARK, REWIND -> JobState.RUNNING;
            case RESUME -> JobState.SUSPENDED;
            case RESTORE -> JobState.LOST;
            case UNPARK -> JobState.PARKED;
            case OPERATION_KIND_UNSPECIFIED, UNRECOGNIZED -> throw new IllegalArgumentException("no operation: " + kind);
        };
    }
}
