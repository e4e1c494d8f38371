package dev.ferry.coordinator.api;

import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.accounts.Admission;
import dev.ferry.coordinator.access.Caller;
import dev.ferry.coordinator.nodes.NodeStores;
import dev.ferry.coordinator.operations.OperationEngine;
import dev.ferry.coordinator.operations.Opening;
import dev.ferry.coordinator.operations.Proofs;
import dev.ferry.coordinator.placement.Placement;
import dev.ferry.coordinator.scheduling.Queue;
import dev.ferry.coordinator.scheduling.TimeLimits;
import dev.ferry.coordinator.scheduling.UserLimits;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
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
            EnumSet.of(JobState.SUSPENDED, JobState.UNREACHABLE, JobState.LOST, JobState.EXITED, JobState.CANCELLED_JOB, JobState.FAILED);

    private static final String OPERATOR = "operator";

    private final StateStore store;
    private final OperationEngine engine;

    public Verbs(StateStore store, OperationEngine engine) {
        this.store = store;
        this.engine = engine;
    }

    /**
     * @throws FerryException INVALID_ARGUMENT, NAME_TAKEN, NODE_NOT_FOUND, NEVER_FITS, ACCOUNT_NOT_FOUND, QOS_NOT_FOUND, PARTITION_NOT_FOUND
     */
    public Job run(JobSpec asked) {
        JobSpec own = Caller.current().inItsName(asked);
        JobSpecs.check(own);
        String id = Ids.newJob();
        JobSpec spec = own.getName().isEmpty() ? own.toBuilder().setName(id).build() : own;
        // The scheduler sees it and starts it when it is its turn.
        return store.transact(
                state -> {
                    JobQueue queue = Admission.admit(state, spec);
                    requireFreeName(state, queue.getUser(), spec.getName());
                    requireThatItCanFit(state, spec);
                    return state.put(Job.newBuilder().setId(id).setSpec(spec).setState(JobState.PENDING).setSubmittedAt(state.now()).setQueue(queue).build());
                });
    }

    /** Each user has names of his own: he is not told which ones others have. */
    static void requireFreeName(Transaction state, String user, String name) {
        state.jobsLike(name).stream()
                .filter(other -> other.getSpec().getName().equals(name) && !JobStates.isEnded(other.getState()) && other.getQueue().getUser().equals(user))
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
        return checkpoint(name, OPERATOR);
    }

    /**
     * @param cause who asks, and why
     */
    public Operation checkpoint(String name, String cause) {
        return begin(name, OperationKind.CHECKPOINT, (state, job) -> savedOnItsNode(state, job, "saved").setCause(cause));
    }

    public Operation suspend(String name) {
        return suspend(name, OPERATOR);
    }

    /**
     * @param cause who asks, and why
     */
    public Operation suspend(String name, String cause) {
        return begin(name, OperationKind.SUSPEND, (state, job) -> savedOnItsNode(state, job, "suspended").setCause(cause));
    }

    /** Gives up what a job did since its last image, and lets it go on from there on another node. */
    public Operation rewind(String name, String cause) {
        return begin(name, OperationKind.REWIND, (state, job) -> onItsNode(state, job, "rewound").setCause(cause).setImage(latest(state, job)));
    }

    /** Frees the job's GPUs at once; the job stays on its node, in main memory. */
    public Operation park(String name) {
        return begin(
                name,
                OperationKind.PARK,
                (state, job) -> {
                    if (job.getSpec().getGpus() == 0) {
                        throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Job " + job.getId() + " has no GPUs: there is nothing to park; `ferry suspend " + job.getId() + "` saves it into the store");
                    }
                    require(job, EnumSet.of(JobState.RUNNING), "parked", "running");
                    return onItsNode(state, job, "parked");
                });
    }

    /**
     * For an evacuation, which brings back what it could only store.
     *
     * @param to empty: the coordinator chooses
     */
    public Operation migrate(String name, String to, String cause) {
        return migrate(name, to, false, cause);
    }

    /**
     * Migrates a job though nobody asked for this one: if it can only be stored the queue brings it back.
     *
     * @param to empty: the coordinator chooses
     */
    public Operation move(String name, String to, String cause) {
        return begin(name, OperationKind.MIGRATE, true, (state, job) -> migration(state, job, to, cause));
    }

    /**
     * @param to empty: the coordinator chooses
     * @param live copy the job's memory ahead while it runs
     */
    public Operation migrate(String name, String to, boolean live, String cause) {
        return begin(name, OperationKind.MIGRATE, (state, job) -> migration(state, job, to, cause).setLive(live));
    }

    private static Operation.Builder migration(Transaction state, Job job, String to, String cause) {
        Operation.Builder operation = savedOnItsNode(state, job, "migrated").setCause(cause);
        if (job.getState() == JobState.PARKED) {
            // It runs when it is there.
            UserLimits.require(state, job);
        }
        if (to.equals(job.getNode())) {
            throw new FerryException(ErrorCode.WRONG_STATE, "Job " + job.getId() + " is on node " + to + " already");
        }
        return target(state, job, operation, to);
    }

    /**
     * @param node empty: the coordinator chooses
     */
    public Operation resume(String name, String node) {
        if (store.transact(state -> JobNames.job(state, name)).getState() == JobState.PARKED) {
            return unpark(name, node);
        }
        return begin(
                name,
                OperationKind.RESUME,
                (state, job) -> {
                    requireStopped(state, job);
                    require(job, EnumSet.of(JobState.SUSPENDED, JobState.UNREACHABLE), "resumed", "suspended");
                    TimeLimits.requireTime(state, job);
                    UserLimits.require(state, job);
                    return fromImage(state, job, latest(job), node);
                });
    }

    /**
     * Changes how long a job may run.
     *
     * @throws FerryException JOB_NOT_FOUND, INVALID_ARGUMENT
     */
    public Job setTimeLimit(String name, long seconds) {
        return store.transact(state -> TimeLimits.set(state, JobNames.job(state, name), seconds));
    }

    private Operation unpark(String name, String node) {
        return begin(
                name,
                OperationKind.UNPARK,
                (state, job) -> {
                    require(job, EnumSet.of(JobState.PARKED), "resumed", "suspended or parked");
                    UserLimits.require(state, job);
                    if (!node.isEmpty() && !node.equals(job.getNode())) {
                        throw new FerryException(
                                ErrorCode.WRONG_STATE, "Job " + job.getId() + " is parked in the memory of node " + job.getNode() + "; `ferry migrate " + job.getId() + " --to " + node + "` brings it elsewhere");
                    }
                    return onItsNode(state, job, "resumed").setTargetNode(job.getNode());
                });
    }

    /**
     * @param what a job, whose latest image is meant, or an image
     */
    public Operation restore(String what, String node) {
        return restore(what, node, OPERATOR);
    }

    /**
     * What the coordinator restores by itself the queue brings back if this fails.
     *
     * @param what a job, whose latest image is meant, or an image
     * @param node empty: the coordinator chooses
     * @param cause who asks, and why
     */
    public Operation restore(String what, String node, String cause) {
        Optional<Image> image = store.transact(state -> state.image(what));
        return begin(
                image.map(Image::getJob).orElse(what),
                OperationKind.RESTORE,
                !cause.equals(OPERATOR),
                (state, job) -> {
                    requireStopped(state, job);
                    require(job, RESTORABLE, "restored", "suspended, lost or ended");
                    requireTime(state, job, cause);
                    requireFreeNameBut(state, job);
                    UserLimits.require(state, job);
                    return fromImage(state, job, image.map(Image::getId).orElseGet(() -> latest(job)), node).setCause(cause);
                });
    }

    /** What the coordinator brings back by itself did not stop because its time was up. */
    private static void requireTime(Transaction state, Job job, String cause) {
        if (cause.equals(OPERATOR)) {
            TimeLimits.requireTime(state, job);
        }
    }

    /** A job whose node does not answer may live elsewhere only when it is known not to run there. */
    private static void requireStopped(Transaction state, Job job) {
        if (job.getState() != JobState.UNREACHABLE || Proofs.ofNode(state, job.getNode(), job, job.getIncarnation()).isPresent()) {
            return;
        }
        String why = Proofs.keepsLease(job) ? "; its lease has not surely ended yet" : "; it goes on without a lease, so that only its daemon, the cloud or you can say that it has stopped";
        throw new FerryException(ErrorCode.NOT_PROVEN_STOPPED, "Job " + job.getId() + " may still run on node " + job.getNode() + ", which does not answer" + why);
    }

    private static void requireFreeNameBut(Transaction state, Job job) {
        if (JobStates.isEnded(job.getState())) {
            requireFreeName(state, job.getQueue().getUser(), job.getSpec().getName());
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
                            return Opening.open(state, free, OperationKind.CANCEL, Operation.newBuilder().setCause("operator").setSourceNode(node));
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
        Operation.Builder ended = start.get().toBuilder().setState(OperationState.FAILED_OPERATION).setEndedAt(state.now());
        FerryException why = new FerryException(ErrorCode.CANCELLED, "The job was cancelled before it had a place");
        ended.setError(why.detail());
        for (int i = 0; i < ended.getStepsCount(); i++) {
            Step step = ended.getSteps(i);
            if (step.getState() == StepState.STEP_OPEN) {
                ended.setSteps(i, step.toBuilder().setState(StepState.STEP_FAILED).setEndedAt(state.now()).setError(why.detail()));
            }
        }
        Operation ignored = state.put(ended.build());
        return state.put(job.toBuilder().clearOperation().build());
    }

    private interface Prepare {
        Operation.Builder prepare(Transaction state, Job job);
    }

    private Operation begin(String name, OperationKind kind, Prepare prepare) {
        return begin(name, kind, false, prepare);
    }

    /**
     * @param unasked nobody asked for what is done to this job, and nobody would bring it back
     */
    private Operation begin(String name, OperationKind kind, boolean unasked, Prepare prepare) {
        Operation begun =
                store.transact(
                        state -> {
                            Job job = JobNames.job(state, name);
                            requireFree(job);
                            Operation.Builder operation = prepare.prepare(state, job);
                            // An evacuation suspends what shall come back, and one that fails must not take it from the queue.
                            boolean stays = (kind == OperationKind.SUSPEND || kind == OperationKind.PARK) && operation.getCause().equals(OPERATOR);
                            Job before = unasked ? Queue.unasked(job, state.now(), operation.getCause()) : job;
                            return Opening.open(state, stays ? Queue.out(job) : before, kind, operation);
                        });
        engine.drive(begun.getId());
        return begun;
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

    private static Operation.Builder savedOnItsNode(Transaction state, Job job, String verb) {
        Operation.Builder operation = onItsNode(state, job, verb);
        NodeStores.requireShared(state, job.getNode());
        return operation;
    }

    private static Operation.Builder onItsNode(Transaction state, Job job, String verb) {
        require(job, EnumSet.of(JobState.RUNNING, JobState.PARKED), verb, "running");
        state.node(job.getNode())
                .filter(node -> node.getState() == NodeState.DOWN)
                .ifPresent(
                        node -> {
                            throw new FerryException(ErrorCode.NODE_DOWN, "Node " + node.getName() + ", where job " + job.getId() + " runs, does not answer");
                        });
        return Operation.newBuilder().setCause("operator").setSourceNode(job.getNode());
    }

    private static Operation.Builder target(Transaction state, Job job, Operation.Builder operation, String node) {
        if (!node.isEmpty()) {
            String known = dev.ferry.coordinator.nodes.NodeDirectory.node(state, node).getName();
            if (!Caller.current().seesAll() && !Placement.isInPartition(state, job.getSpec(), known)) {
                throw new FerryException(ErrorCode.FORBIDDEN, "Node " + known + " is not in partition " + job.getQueue().getPartition() + " of job " + job.getId() + "; only operators move a job out of its partition");
            }
            operation.setTargetNode(known).setTargetFixed(true);
        }
        return operation;
    }

    private static Operation.Builder fromImage(Transaction state, Job job, String image, String node) {
        if (state.image(image).isEmpty()) {
            throw new FerryException(ErrorCode.IMAGE_NOT_FOUND, "There is no image " + image);
        }
        return target(state, job, Operation.newBuilder().setCause("operator").setSourceNode(job.getNode()).setImage(image), node);
    }

    private static String latest(Transaction state, Job job) {
        String image = latest(job);
        if (state.image(image).isEmpty()) {
            throw new FerryException(ErrorCode.IMAGE_NOT_FOUND, "There is no image " + image);
        }
        return image;
    }

    private static String latest(Job job) {
        if (job.getLatestImage().isEmpty()) {
            throw new FerryException(ErrorCode.NO_IMAGE, "Job " + job.getId() + " has no stored image");
        }
        return job.getLatestImage();
    }
}
