package dev.ferry.coordinator.operations;

import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.CheckJob;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.DumpJob;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.FillMemory;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.KillJob;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationOrBuilder;
import dev.ferry.proto.v1.ParkJob;
import dev.ferry.proto.v1.Peer;
import dev.ferry.proto.v1.PreCopyJob;
import dev.ferry.proto.v1.PrefetchImage;
import dev.ferry.proto.v1.Proof;
import dev.ferry.proto.v1.ProofKind;
import dev.ferry.proto.v1.RestoreJob;
import dev.ferry.proto.v1.StartJob;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.ThawJob;
import dev.ferry.proto.v1.UnparkJob;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The steps that a daemon does: the order, and what its result makes of the job. */
final class NodeSteps {
    /** Of a migration that takes longer after it the memory is made as always. */
    private static final Duration HELD = Duration.ofMinutes(10);

    private final Deadlines deadlines;
    private final Function<String, Optional<Peer>> peers;

    /** With nodes that ask no others. */
    NodeSteps(Deadlines deadlines) {
        this(deadlines, node -> Optional.empty());
    }

    /**
     * @param peers where a node may be asked for chunks now
     */
    NodeSteps(Deadlines deadlines, Function<String, Optional<Peer>> peers) {
        this.deadlines = deadlines;
        this.peers = peers;
    }

    /** Where a step is done. */
    static String node(StepName step, OperationOrBuilder operation) {
        return switch (step) {
            case START, CHECK, PREFETCH, FILL, RESTORE, UNPARK -> operation.getTargetNode();
            case PRE_COPY, CATCH_UP, DUMP, KILL, THAW, PARK -> operation.getSourceNode();
            case PLACE, RESERVE, COMMIT, FALL_BACK, CLAIM -> "";
        };
    }

    /** Whether a daemon does a step. */
    static boolean isOfANode(StepName step) {
        return switch (step) {
            case START, CHECK, PREFETCH, FILL, RESTORE, UNPARK, PRE_COPY, CATCH_UP, DUMP, KILL, THAW, PARK -> true;
            case PLACE, RESERVE, COMMIT, FALL_BACK, CLAIM -> false;
        };
    }

    Duration deadline(StepName step) {
        return switch (step) {
            case START -> deadlines.start();
            case DUMP, PARK, PRE_COPY, PREFETCH, CATCH_UP -> deadlines.dump();
            case FILL, RESTORE, UNPARK -> deadlines.restore();
            case CHECK, KILL, THAW -> deadlines.kill();
            case PLACE, RESERVE, COMMIT, FALL_BACK, CLAIM -> Duration.ZERO;
        };
    }

    /** What must be decided and written before the order is given. */
    static void prepare(StepName step, Transaction state, Operation.Builder operation, Job job) {
        // A copy ahead is for the image that the dump will make.
        boolean named = step == StepName.DUMP && operation.getLive() && !operation.getImage().isEmpty();
        if (step == StepName.PRE_COPY || (step == StepName.DUMP && !named)) {
            long sequence = job.getLastSequence() + 1;
            state.put(job.toBuilder().setLastSequence(sequence).build());
            operation.setImage(Ids.image(job.getId(), sequence)).setBaseImage(BaseImages.of(state, job));
        }
    }

    /**
     * @param image the operation's, if it is made
     */
    Command command(StepName step, int attempt, Operation operation, Job job, Optional<Image> image) {
        Command.Builder command =
                Command.newBuilder()
                        .setId(commandId(operation.getId(), step, attempt))
                        .setJob(job.getId())
                        .setIncarnation(job.getIncarnation())
                        .setDeadlineMillis(deadline(step).toMillis());
        switch (step) {
            case START -> command.setStart(StartJob.newBuilder().setSpec(job.getSpec()).addAllGpus(job.getGpusList()));
            case CHECK -> command.setCheck(CheckJob.newBuilder().setSpec(job.getSpec()).addAllGpus(operation.getTargetGpusList()).setGpuFiles(job.getGpuFiles()));
            case DUMP ->
                    command.setDump(
                            DumpJob.newBuilder()
                                    .setSpec(job.getSpec())
                                    .setImage(operation.getImage())
                                    .setSequence(sequence(operation.getImage()))
                                    .setPreviousImage(operation.getBaseImage())
                                    .setPreCopied(operation.getLive())
                                    .setStayFrozen(operation.getKind() != OperationKind.CHECKPOINT));
            case PRE_COPY, CATCH_UP ->
                    command.setPreCopy(PreCopyJob.newBuilder().setImage(operation.getImage()).setPreviousImage(operation.getBaseImage()).setCatchUp(step == StepName.CATCH_UP));
            case PREFETCH -> {
                PrefetchImage.Builder prefetch = PrefetchImage.newBuilder().setImage(operation.getImage());
                peer(operation, image).ifPresent(prefetch::setPeer);
                command.setPrefetch(prefetch);
            }
            case FILL -> {
                FillMemory.Builder fill = FillMemory.newBuilder().setSpec(job.getSpec()).setImage(operation.getImage()).setHoldMillis(HELD.toMillis());
                peer(operation, image).ifPresent(fill::setPeer);
                command.setFill(fill);
            }
            case PARK -> command.setPark(ParkJob.getDefaultInstance());
            case UNPARK -> command.setUnpark(UnparkJob.newBuilder().addAllGpus(operation.getTargetGpusList()));
            case THAW -> command.setIncarnation(operation.getIncarnation()).setThaw(ThawJob.getDefaultInstance());
            // The life that ends is the one in which the operation began.
            case KILL -> command.setIncarnation(operation.getIncarnation()).setKill(KillJob.newBuilder().setDiscard(operation.getKind() != OperationKind.CANCEL));
            case RESTORE -> {
                RestoreJob.Builder restore = RestoreJob.newBuilder().setSpec(job.getSpec()).setImage(operation.getImage()).addAllGpus(job.getGpusList());
                peer(operation, image).ifPresent(restore::setPeer);
                command.setRestore(restore);
            }
            case PLACE, RESERVE, COMMIT, FALL_BACK, CLAIM -> throw new IllegalArgumentException(step + " is not done by a node");
        }
        return command.build();
    }

    /** Orders to nodes that have filled memory for an operation and were not asked to restore the job into it. */
    static Map<String, Command> giveBack(Operation ended) {
        Set<String> nodes = nodes(ended, StepName.FILL);
        nodes.removeAll(nodes(ended, StepName.RESTORE));
        return nodes.stream()
                .collect(
                        Collectors.toMap(
                                node -> node,
                                node ->
                                        Command.newBuilder()
                                                .setId(ended.getId() + "/GIVE_BACK/" + node)
                                                .setJob(ended.getJob())
                                                .setIncarnation(ended.getIncarnation())
                                                .setFill(FillMemory.newBuilder().setImage(ended.getImage()).setGiveBack(true))
                                                .build()));
    }

    private static Set<String> nodes(Operation operation, StepName step) {
        return operation.getStepsList().stream().filter(one -> one.getName().equals(step.name())).map(Step::getNode).collect(Collectors.toCollection(TreeSet::new));
    }

    /** Who has most of an image: the node that made it, else that on which the job was. Only one that can be asked now, and not the one that asks. */
    private Optional<Peer> peer(Operation operation, Optional<Image> image) {
        return Stream.concat(image.map(Image::getNode).stream(), Stream.of(operation.getSourceNode()))
                .filter(node -> !node.isEmpty() && !node.equals(operation.getTargetNode()))
                .flatMap(node -> peers.apply(node).stream())
                .findFirst();
    }

    /** The id of a step's order: the same whoever gives it, so that a node does it once. */
    static String commandId(String operation, StepName step, int attempt) {
        return operation + "/" + step + "/" + attempt;
    }

    static long sequence(String image) {
        return Long.parseLong(image.substring(image.lastIndexOf('.') + 1));
    }

    /** Writes down what a result means. */
    static Outcome apply(StepName step, Transaction state, Operation.Builder operation, Job job, CommandResult said) {
        CommandResult result = step == StepName.DUMP ? ofTheOrder(said, operation, job) : said;
        // Whatever else went wrong there: a life that its daemon says is there must not get a second one.
        boolean livesThere = (step == StepName.START || step == StepName.RESTORE) && isLive(result, job);
        if (result.hasError() && !livesThere) {
            afterFailure(step, state, job, result);
            return Outcome.failed(wantsTheJob(step) && isUnknownThere(result, job) ? cameBackWithout(job) : result.getError());
        }
        switch (step) {
            case START, RESTORE -> running(state, job, result);
            case DUMP -> {
                operation.setGpuCommitAt(result.getGpuFreeAt());
                state.put(result.getImage());
                if (result.getJob().getState() == LocalState.LOCAL_LOST) {
                    return lostAfterDump(state, operation, job, result);
                }
            }
            case PARK -> {
                operation.setGpuCommitAt(result.getGpuFreeAt());
                state.put(job.toBuilder().setState(JobState.PARKED).clearReason().build());
            }
            case UNPARK -> state.put(job.toBuilder().setState(JobState.RUNNING).clearGpus().addAllGpus(operation.getTargetGpusList()).clearReason().build());
            case KILL -> {
                provenStopped(state, operation, job, Proofs.receipt(state, operation.getSourceNode(), operation.getIncarnation(), "its processes were killed"));
                if (operation.getKind() == OperationKind.CANCEL) {
                    Job stopped = state.job(job.getId()).orElseThrow();
                    state.put(stopped.toBuilder().setState(JobState.CANCELLED_JOB).setEndedAt(state.now()).clearReason().build());
                }
            }
            case CHECK, PRE_COPY, PREFETCH, CATCH_UP, FILL, THAW, PLACE, RESERVE, COMMIT, FALL_BACK, CLAIM -> {}
        }
        return Outcome.done("");
    }

    /** The image that was ordered, or an error: a row of the catalogue is found by its id alone, and a node has no word on the images of other jobs. */
    private static CommandResult ofTheOrder(CommandResult result, Operation.Builder operation, Job job) {
        Image image = result.getImage();
        String ordered = operation.getImage();
        if (result.hasError() || (image.getId().equals(ordered) && image.getJob().equals(job.getId()) && image.getSequence() == sequence(ordered))) {
            return result;
        }
        String what = image.getId().isEmpty() ? "none" : image.getId() + " of job " + image.getJob();
        FerryException wrong = new FerryException(ErrorCode.INTERNAL, "Node " + operation.getSourceNode() + " was to make image " + ordered + " of job " + job.getId() + " and has answered with " + what + "; it is not taken");
        return result.toBuilder().setError(wrong.detail()).build();
    }

    /** The life in which the operation began does not run: written where the next life and people find it. */
    private static void provenStopped(Transaction state, Operation.Builder operation, Job job, Proof proof) {
        if (!operation.hasProof() && !proof.getNode().isEmpty()) {
            operation.setProof(proof);
            state.put(job.toBuilder().setProof(proof).build());
        }
    }

    /** The image holds all that the job did, but the job could not go on after it: the image is what is left of it. */
    private static Outcome lostAfterDump(Transaction state, Operation.Builder operation, Job job, CommandResult result) {
        state.put(job.toBuilder().setState(JobState.LOST).setLatestImage(operation.getImage()).setReason(result.getJob().getDetail()).build());
        return Outcome.failed(new FerryException(ErrorCode.GPU_RESTORE_FAILED, result.getJob().getDetail() + "; image " + operation.getImage() + " is whole").detail());
    }

    private static boolean isLive(CommandResult result, Job job) {
        boolean itsLife = result.hasJob() && result.getJob().getIncarnation() == job.getIncarnation();
        LocalState state = result.getJob().getState();
        return itsLife && (state == LocalState.LOCAL_RUNNING || state == LocalState.LOCAL_FROZEN || state == LocalState.LOCAL_PARKED);
    }

    private static void running(Transaction state, Job job, CommandResult result) {
        boolean expected = job.getState() == JobState.STARTING || job.getState() == JobState.RESTORING || job.getState() == JobState.UNREACHABLE;
        if (!expected) {
            return;
        }
        Job.Builder next = job.toBuilder().clearReason().clearError().clearGpuFiles();
        if (result.hasGpuFiles()) {
            next.setGpuFiles(result.getGpuFiles());
        }
        if (job.getStartedAt() == 0) {
            next.setStartedAt(state.now());
        }
        if (result.getJob().getState() == LocalState.LOCAL_EXITED) {
            next.setState(JobState.EXITED).setExitStatus(result.getJob().getExitStatus()).setEndedAt(state.now());
        } else if (result.getJob().getState() == LocalState.LOCAL_LOST) {
            next.setState(JobState.LOST).setReason(result.getJob().getDetail());
        } else {
            next.setState(JobState.RUNNING);
        }
        state.put(next.build());
    }

    private static void afterFailure(StepName step, Transaction state, Job job, CommandResult result) {
        if (step == StepName.CHECK || step == StepName.PREFETCH || step == StepName.FILL) {
            // Where the job is not: an older daemon may name a life there that was killed.
            return;
        }
        if (step == StepName.START && job.getState() == JobState.STARTING) {
            Job.Builder failed = job.toBuilder().setState(JobState.FAILED).setError(result.getError()).setEndedAt(state.now());
            if (result.getError().getCode() == ErrorCode.COMMAND_NOT_FOUND) {
                failed.setExitStatus(127);
            }
            state.put(failed.build());
        } else if (step == StepName.RESTORE && job.getState() == JobState.RESTORING) {
            // The receipt says that nothing of this life is left; the image is what the job is now.
            Proof receipt = Proofs.receipt(state, job.getNode(), job.getIncarnation(), "it could not be restored there, and nothing of it is left");
            state.put(job.toBuilder().setState(JobState.SUSPENDED).setError(result.getError()).setProof(receipt).build());
        } else if (wantsTheJob(step) && isUnknownThere(result, job)) {
            Job ignored = JobEnds.lost(state, job, "node " + job.getNode() + " no longer knows of it");
        } else if (job.getState() == JobState.RUNNING && result.getJob().getIncarnation() == job.getIncarnation()) {
            JobEnds.apply(state, job, result.getJob());
        }
    }

    /** Whether the order is for a life that was there when it was given. */
    private static boolean wantsTheJob(StepName step) {
        return step == StepName.DUMP || step == StepName.PRE_COPY || step == StepName.CATCH_UP || step == StepName.THAW || step == StepName.PARK || step == StepName.UNPARK;
    }

    /** "There is no such job" would be what a daemon knows, and no word for whoever knows that there is one. */
    private static ErrorDetail cameBackWithout(Job job) {
        return new FerryException(ErrorCode.NODE_DOWN, "Node " + job.getNode() + " has come back without job " + job.getId() + ": its machine, or its daemon's data folder, is not the one on which the job ran").detail();
    }

    /** A daemon that has lost its journal, or came back with an older one, ended what ran there when it started. */
    private static boolean isUnknownThere(CommandResult result, Job job) {
        boolean settled = job.getState() == JobState.RUNNING || job.getState() == JobState.PARKED || job.getState() == JobState.UNREACHABLE;
        boolean unknown = result.hasJob() ? JobEnds.isUnknown(result.getJob(), job) : result.getError().getCode() == ErrorCode.JOB_NOT_FOUND;
        return settled && unknown;
    }

    /** Writes down that a node has not answered in time: what it did is not known. */
    static Outcome silent(StepName step, Transaction state, OperationOrBuilder operation, Job job, Duration waited) {
        String node = node(step, operation);
        ErrorDetail error =
                new FerryException(ErrorCode.DEADLINE_EXCEEDED, "Node " + node + " has not answered " + step + " within " + waited.toSeconds() + " s").detail();
        boolean mayRun = step == StepName.START || step == StepName.RESTORE;
        if (mayRun && (job.getState() == JobState.STARTING || job.getState() == JobState.RESTORING)) {
            state.put(job.toBuilder().setState(JobState.UNREACHABLE).setReason(error.getMessage()).build());
        } else if (step == StepName.UNPARK && job.getState() == JobState.PARKED) {
            // Should its daemon say yet that it runs, it runs on these.
            state.put(job.toBuilder().clearGpus().addAllGpus(operation.getTargetGpusList()).build());
        }
        return Outcome.failed(error);
    }

    /** Writes down that nothing of a job runs on a node any more while an order was open there. */
    static Outcome stopped(StepName step, Transaction state, Operation.Builder operation, Job job, Proof proof) {
        if (step == StepName.KILL) {
            provenStopped(state, operation, job, proof.toBuilder().setIncarnation(operation.getIncarnation()).build());
            return apply(step, state, operation, state.job(job.getId()).orElseThrow(), CommandResult.getDefaultInstance());
        }
        ErrorDetail error = new FerryException(ErrorCode.NODE_DOWN, "Node " + proof.getNode() + ": " + proof.getDetail()).detail();
        switch (step) {
            case RESTORE -> state.put(job.toBuilder().setState(JobState.SUSPENDED).setError(error).setProof(proof).build());
            case START, DUMP, PRE_COPY, CATCH_UP, THAW, PARK, UNPARK -> {
                if (!JobStates.isOnNode(job.getState())) {
                    break;
                }
                if (proof.getKind() == ProofKind.PROOF_LEASE) {
                    // Frozen is not lost: it goes on there when the node is back, if it lives nowhere else by then.
                    state.put(job.toBuilder().setState(JobState.UNREACHABLE).setReason(error.getMessage()).build());
                } else {
                    state.put(job.toBuilder().setState(JobState.LOST).setReason(error.getMessage()).setProof(proof).build());
                }
            }
            case CHECK, PREFETCH, FILL, KILL, PLACE, RESERVE, COMMIT, FALL_BACK, CLAIM -> {}
        }
        return Outcome.failed(error);
    }
}
