package dev.ferry.coordinator.api;

import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.operations.OperationEngine;
import dev.ferry.coordinator.placement.Placement;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/** The verbs that change a job: each checks that it can be done now, and writes the operation that does it. */
public final class Verbs {
    private static final Set<JobState> RESTORABLE =
            EnumSet.of(JobState.SUSPENDED, JobState.LOST, JobState.EXITED, JobState.CANCELLED_JOB, JobState.FAILED);

    private final StateStore store;
    private final OperationEngine engine;

    public Verbs(StateStore store, OperationEngine engine) {
        this.store = store;
        this.engine = engine;
    }

    /**
     * @throws FerryException INVALID_ARGUMENT, NAME_TAKEN, NODE_NOT_FOUND, NEVER_FITS
     */
    public Job run(JobSpec asked) {
        JobSpecs.check(asked);
        String id = Ids.newJob();
        JobSpec spec = asked.getName().isEmpty() ? asked.toBuilder().setName(id).build() : asked;
        Operation started =
                store.transact(
                        state -> {
                            requireFreeName(state, spec.getName());
                            requireThatItCanFit(state, spec);
                            Job job = Job.newBuilder().setId(id).setSpec(spec).setState(JobState.PENDING).setSubmittedAt(System.currentTimeMillis()).build();
                            Job pending = state.put(job);
                            return open(state, pending, OperationKind.START, Operation.newBuilder().setCause("operator"));
                        });
        engine.drive(started.getId());
        return store.transact(state -> state.job(id).orElseThrow());
    }

    private static void requireFreeName(Transaction state, String name) {
        state.jobsLike(name).stream()
                .filter(other -> other.getSpec().getName().equals(name) && !JobStates.isEnded(other.getState()))
                .findFirst()
                .ifPresent(
                        other -> {
                            throw new FerryException(ErrorCode.NAME_TAKEN, "Job " + other.getId() + " has the name '" + name + "' and is " + JobStates.name(other.getState()));
                        });
    }

    /** What no node could ever hold is refused at once; what does not fit now waits. */
    private static void requireThatItCanFit(Transaction state, JobSpec spec) {
        try {
            String ignored = Placement.choose(state, new Placement.Request(spec, Optional.empty(), "", Set.of(), ""));
        } catch (FerryException none) {
            if (none.code() == ErrorCode.NEVER_FITS || none.code() == ErrorCode.NODE_NOT_FOUND) {
                throw none;
            }
        }
    }

    public Operation checkpoint(String name) {
        return begin(name, OperationKind.CHECKPOINT, (state, job) -> onItsNode(state, job, "saved"));
    }

    public Operation suspend(String name) {
        return begin(name, OperationKind.SUSPEND, (state, job) -> onItsNode(state, job, "suspended"));
    }

    /**
     * @param to empty: the coordinator chooses
     */
    public Operation migrate(String name, String to, String cause) {
        return begin(
                name,
                OperationKind.MIGRATE,
                (state, job) -> {
                    Operation.Builder operation = onItsNode(state, job, "migrated").setCause(cause);
                    if (to.equals(job.getNode())) {
                        throw new FerryException(ErrorCode.WRONG_STATE, "Job " + job.getId() + " is on node " + to + " already");
                    }
                    return target(state, operation, to);
                });
    }

    public Operation resume(String name, String node) {
        return begin(
                name,
                OperationKind.RESUME,
                (state, job) -> {
                    require(job, EnumSet.of(JobState.SUSPENDED), "resumed", "suspended");
                    return fromImage(state, job, latest(job), node);
                });
    }

    /**
     * @param what a job, whose latest image is meant, or an image
     */
    public Operation restore(String what, String node) {
        Optional<Image> image = store.transact(state -> state.image(what));
        return begin(
                image.map(Image::getJob).orElse(what),
                OperationKind.RESTORE,
                (state, job) -> {
                    if (job.getState() == JobState.UNREACHABLE) {
                        throw new FerryException(
                                ErrorCode.NOT_PROVEN_STOPPED, "Job " + job.getId() + " may still run on node " + job.getNode() + ", which does not answer");
                    }
                    require(job, RESTORABLE, "restored", "suspended, lost or ended");
                    requireFreeNameBut(state, job);
                    return fromImage(state, job, image.map(Image::getId).orElseGet(() -> latest(job)), node);
                });
    }

    private static void requireFreeNameBut(Transaction state, Job job) {
        if (JobStates.isEnded(job.getState())) {
            requireFreeName(state, job.getSpec().getName());
        }
    }

    public Operation cancel(String name) {
        Operation begun =
                store.transact(
                        state -> {
                            Job job = JobNames.job(state, name);
                            Job free = withdrawUnplaced(state, job);
                            requireFree(free);
                            require(free, EnumSet.complementOf(EnumSet.of(JobState.EXITED, JobState.CANCELLED_JOB, JobState.FAILED)), "cancelled", "one that has not ended");
                            String node = JobStates.isOnNode(free.getState()) ? free.getNode() : "";
                            return open(state, free, OperationKind.CANCEL, Operation.newBuilder().setCause("operator").setSourceNode(node));
                        });
        engine.drive(begun.getId());
        return begun;
    }

    /** A start that still looks for a place ends at once. */
    private static Job withdrawUnplaced(Transaction state, Job job) {
        Optional<Operation> start = job.getOperation().isEmpty() ? Optional.empty() : state.operation(job.getOperation());
        if (job.getState() != JobState.PENDING || start.isEmpty() || start.get().getKind() != OperationKind.START) {
            return job;
        }
        Operation.Builder ended = start.get().toBuilder().setState(OperationState.FAILED_OPERATION).setEndedAt(System.currentTimeMillis());
        FerryException why = new FerryException(ErrorCode.CANCELLED, "The job was cancelled before it had a place");
        ended.setError(why.detail());
        for (int i = 0; i < ended.getStepsCount(); i++) {
            Step step = ended.getSteps(i);
            if (step.getState() == StepState.STEP_OPEN) {
                ended.setSteps(i, step.toBuilder().setState(StepState.STEP_FAILED).setEndedAt(System.currentTimeMillis()).setError(why.detail()));
            }
        }
        Operation ignored = state.put(ended.build());
        return state.put(job.toBuilder().clearOperation().build());
    }

    private interface Prepare {
        Operation.Builder prepare(Transaction state, Job job);
    }

    private Operation begin(String name, OperationKind kind, Prepare prepare) {
        Operation begun =
                store.transact(
                        state -> {
                            Job job = JobNames.job(state, name);
                            requireFree(job);
                            return open(state, job, kind, prepare.prepare(state, job));
                        });
        engine.drive(begun.getId());
        return begun;
    }

    private static Operation open(Transaction state, Job job, OperationKind kind, Operation.Builder operation) {
        Operation written =
                state.put(
                        operation
                                .setId(Ids.newOperation())
                                .setKind(kind)
                                .setState(OperationState.OPEN)
                                .setJob(job.getId())
                                .setIncarnation(job.getIncarnation())
                                .setStartedAt(System.currentTimeMillis())
                                .build());
        Job ignored = state.put(job.toBuilder().setOperation(written.getId()).build());
        return written;
    }

    private static void requireFree(Job job) {
        if (!job.getOperation().isEmpty()) {
            throw new FerryException(ErrorCode.OPERATION_IN_PROGRESS, "Operation " + job.getOperation() + " on job " + job.getId() + " has not ended");
        }
    }

    private static void require(Job job, Set<JobState> states, String verb, String wanted) {
        if (!states.contains(job.getState())) {
            throw new FerryException(
                    ErrorCode.WRONG_STATE, "Job " + job.getId() + " is " + JobStates.name(job.getState()) + " and can't be " + verb + "; it must be " + wanted);
        }
    }

    private static Operation.Builder onItsNode(Transaction state, Job job, String verb) {
        require(job, EnumSet.of(JobState.RUNNING), verb, "running");
        state.node(job.getNode())
                .filter(node -> node.getState() == NodeState.DOWN)
                .ifPresent(
                        node -> {
                            throw new FerryException(ErrorCode.NODE_DOWN, "Node " + node.getName() + ", where job " + job.getId() + " runs, does not answer");
                        });
        return Operation.newBuilder().setCause("operator").setSourceNode(job.getNode());
    }

    private static Operation.Builder target(Transaction state, Operation.Builder operation, String node) {
        if (!node.isEmpty()) {
            String known = dev.ferry.coordinator.nodes.NodeDirectory.node(state, node).getName();
            operation.setTargetNode(known).setTargetFixed(true);
        }
        return operation;
    }

    private static Operation.Builder fromImage(Transaction state, Job job, String image, String node) {
        if (state.image(image).isEmpty()) {
            throw new FerryException(ErrorCode.IMAGE_NOT_FOUND, "There is no image " + image);
        }
        return target(state, Operation.newBuilder().setCause("operator").setSourceNode(job.getNode()).setImage(image), node);
    }

    private static String latest(Job job) {
        if (job.getLatestImage().isEmpty()) {
            throw new FerryException(ErrorCode.NO_IMAGE, "Job " + job.getId() + " has no stored image");
        }
        return job.getLatestImage();
    }
}
