package dev.ferry.coordinator.operations;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.nodes.NodeStores;
import dev.ferry.coordinator.placement.GpuShares;
import dev.ferry.coordinator.placement.Placement;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GpuUse;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.Proof;
import dev.ferry.proto.v1.ProofKind;
import dev.ferry.proto.v1.Requirements;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** The steps that the coordinator does by itself, each in the transaction that also records its end. */
final class LocalSteps {
    private static final int MOST_RESTORES = 4;
    /** So many nodes are asked whether they have what a job needs; what they all lack is not looked for on all others of a large cluster. */
    static final int MOST_CHECKS = 64;

    private LocalSteps() {}

    /** First placement of a job: where the scheduler said; of one that was begun otherwise, wherever there is room, and it waits for that. */
    static Outcome place(Transaction state, Operation.Builder operation, Job job) {
        if (job.getState() != JobState.PENDING) {
            return Outcome.failed(new FerryException(ErrorCode.CANCELLED, "Job " + job.getId() + " was cancelled before it had a place").detail());
        }
        boolean decided = !operation.getDecision().isEmpty();
        try {
            String node = Placement.choose(state, new Placement.Request(job.getSpec(), Optional.empty(), decided ? operation.getTargetNode() : "", Set.of(), operation.getId()));
            operation.setTargetNode(node);
            takeGpus(state, operation, job, Optional.empty());
            state.put(job.toBuilder().setState(JobState.STARTING).setNode(node).clearGpus().addAllGpus(operation.getTargetGpusList()).setIncarnation(1).clearReason().build());
            return Outcome.done("node " + node + gpus(operation));
        } catch (FerryException none) {
            if (decided || none.code() == ErrorCode.NODE_NOT_FOUND || none.code() == ErrorCode.NEVER_FITS) {
                return Outcome.failed(none.detail());
            }
            if (!job.getReason().equals(none.getMessage())) {
                state.put(job.toBuilder().setReason(none.getMessage()).build());
            }
            return Outcome.waitFor(none.getMessage());
        }
    }

    /** The target of a saved job, or of one that is about to be saved. */
    static Outcome reserve(Transaction state, Operation.Builder operation, Job job) {
        Set<String> refused = nodes(operation, StepName.CHECK, StepState.STEP_FAILED);
        Optional<Step> lastRefusal = operation.getStepsList().stream().filter(step -> step.getName().equals(StepName.CHECK.name())).reduce((one, other) -> other);
        if (lastRefusal.isPresent() && (operation.getTargetFixed() || refused.size() >= MOST_CHECKS)) {
            return Outcome.failed(lastRefusal.get().getError());
        }
        Set<String> notHere = new HashSet<>(refused);
        if (leaves(operation)) {
            notHere.add(job.getNode());
        }
        boolean decided = !operation.getDecision().isEmpty() && refused.isEmpty();
        String asked = operation.getTargetFixed() || decided ? operation.getTargetNode() : "";
        operation.clearTargetNode().clearTargetGpus();
        try {
            Optional<Requirements> needs = requirements(state, operation, job);
            String node = Placement.choose(state, new Placement.Request(withoutPin(job, operation), needs, asked, notHere, operation.getId()));
            operation.setTargetNode(node);
            takeGpus(state, operation, job, needs);
            return Outcome.done("node " + node + gpus(operation));
        } catch (FerryException none) {
            return Outcome.failed(lastRefusal.map(Step::getError).filter(error -> none.code() == ErrorCode.NO_CAPACITY).orElse(none.detail()));
        }
    }

    /** The GPUs that a parked job goes on with: on its node, the ones it had where they are free. */
    static Outcome claim(Transaction state, Operation.Builder operation, Job job) {
        if (job.getState() != JobState.PARKED) {
            return Outcome.failed(new FerryException(ErrorCode.WRONG_STATE, "Job " + job.getId() + " is " + job.getState() + " by now").detail());
        }
        try {
            operation.setTargetNode(job.getNode());
            takeGpus(state, operation, job, requirements(state, operation, job));
            return Outcome.done("node " + job.getNode() + gpus(operation));
        } catch (FerryException none) {
            return Outcome.failed(
                    new FerryException(none.code(), none.getMessage() + ". The job stays parked; `ferry suspend " + job.getId() + "` and `ferry resume " + job.getId() + "` bring it to another node").detail());
        }
    }

    /** Reserves GPUs of the target for the job; they are its own once it lives there. */
    private static void takeGpus(Transaction state, Operation.Builder operation, Job job, Optional<Requirements> needs) {
        List<String> before = needs.map(image -> image.getGpuUsesList().stream().map(GpuUse::getUuid).toList()).orElse(List.of());
        operation.clearTargetGpus().addAllTargetGpus(GpuShares.choose(state, state.node(operation.getTargetNode()).orElseThrow(), job.getSpec(), needs, operation.getId(), before));
    }

    private static String gpus(Operation.Builder operation) {
        return operation.getTargetGpusCount() == 0 ? "" : ", " + String.join(", ", operation.getTargetGpusList());
    }

    /** Whether the job shall go to another node than it is on. */
    private static boolean leaves(Operation.Builder operation) {
        return operation.getKind() == OperationKind.MIGRATE || operation.getKind() == OperationKind.REWIND;
    }

    /** A migration leaves the node that the job asked for at its start; that is what the operator wants. One whose machine goes away goes on anywhere. */
    private static dev.ferry.proto.v1.JobSpec withoutPin(Job job, Operation.Builder operation) {
        return leaves(operation) || job.getQueue().getAnywhere() ? job.getSpec().toBuilder().clearNode().build() : job.getSpec();
    }

    /** What the next image needs is what the last one needed, and what its node has. */
    private static Optional<Requirements> requirements(Transaction state, Operation.Builder operation, Job job) {
        if (!operation.getImage().isEmpty()) {
            return state.image(operation.getImage()).map(Image::getRequirements);
        }
        Requirements.Builder needs = job.hasGpuFiles() ? Requirements.newBuilder().setGpuFiles(job.getGpuFiles()) : Requirements.newBuilder();
        return state.node(job.getNode())
                .map(
                        node ->
                                needs
                                        .setArchitecture(node.getFacts().getArchitecture())
                                        .addAllCpuFeatures(node.getFacts().getCpuFeaturesList())
                                        .setKernel(node.getFacts().getKernel())
                                        .setCriuVersion(node.getFacts().getCriuVersion())
                                        .setGpus(job.getSpec().getGpus())
                                        .setGpuModel(node.getFacts().getGpuModelsCount() > 0 ? node.getFacts().getGpuModels(0) : "")
                                        .setGpuDriver(node.getFacts().getGpuDriver())
                                        .addAllGpuUses(uses(job, node))
                                        .setGpuStandIn(node.getFacts().getGpuStandIn())
                                        .build());
    }

    /** How much of each GPU the job uses is known only when it is saved. */
    private static List<GpuUse> uses(Job job, Node node) {
        return node.getFacts().getGpusList().stream()
                .filter(gpu -> job.getGpusList().contains(gpu.getUuid()))
                .sorted(Comparator.comparingInt(gpu -> job.getGpusList().indexOf(gpu.getUuid())))
                .map(gpu -> GpuUse.newBuilder().setUuid(gpu.getUuid()).setModel(gpu.getModel()).setMemoryBytes(gpu.getMemoryBytes()).build())
                .toList();
    }

    /** The point of no return. */
    static Outcome commit(Transaction state, Operation.Builder operation, Job job) {
        boolean fromImage = operation.getKind() == OperationKind.RESUME || operation.getKind() == OperationKind.RESTORE;
        if (job.getIncarnation() != operation.getIncarnation()) {
            return Outcome.failed(
                    new FerryException(ErrorCode.STALE_INCARNATION, "Job " + job.getId() + " is in life " + job.getIncarnation() + "; this operation was for life " + operation.getIncarnation()).detail());
        }
        boolean alive = job.getState() == JobState.RUNNING || job.getState() == JobState.PARKED || job.getState() == JobState.UNREACHABLE;
        if (!fromImage && !alive) {
            return Outcome.failed(new FerryException(ErrorCode.WRONG_STATE, "Job " + job.getId() + " is " + job.getState() + " by now").detail());
        }
        Optional<Proof> stopped = alive ? Proofs.ofNode(state, job.getNode(), job, job.getIncarnation()) : Optional.of(job.getProof());
        if (fromImage && (job.getState() == JobState.UNREACHABLE ? stopped.isEmpty() : alive)) {
            return Outcome.failed(new FerryException(ErrorCode.WRONG_STATE, "Job " + job.getId() + " is " + job.getState()).detail());
        }
        if (makesImage(operation)) {
            try {
                NodeStores.requireShared(state, operation.getSourceNode());
            } catch (FerryException elsewhere) {
                return Outcome.failed(elsewhere.detail());
            }
        }
        Job.Builder next = job.toBuilder().setLatestImage(operation.getImage()).clearReason();
        if (!fromImage && operation.getKind() != OperationKind.CHECKPOINT) {
            operation.setKillCommitAt(state.now());
        }
        if (fromImage && stopped.isPresent() && stopped.get().getKind() != ProofKind.PROOF_UNSPECIFIED) {
            next.setProof(stopped.get());
            operation.setProof(stopped.get());
        }
        return switch (operation.getKind()) {
            case CHECKPOINT -> {
                state.put(next.build());
                yield Outcome.done("image " + operation.getImage() + " is the job's latest");
            }
            case SUSPEND -> {
                // What an operator asked for he knows.
                state.put(next.setState(JobState.SUSPENDED).setReason(operation.getCause().equals("operator") ? "" : operation.getCause()).build());
                yield Outcome.done("image " + operation.getImage() + " is the job now");
            }
            case MIGRATE, REWIND, RESUME, RESTORE -> {
                state.put(nextLife(next, operation));
                yield Outcome.done("life " + next.getIncarnation() + " on node " + operation.getTargetNode());
            }
            case START, CANCEL, PARK, UNPARK, OPERATION_KIND_UNSPECIFIED, UNRECOGNIZED -> throw new IllegalStateException("nothing to commit in " + operation.getKind());
        };
    }

    /** Whether the image is one that was just made: by it the job's life on its node may end. */
    private static boolean makesImage(Operation.Builder operation) {
        return operation.getKind() == OperationKind.CHECKPOINT || operation.getKind() == OperationKind.SUSPEND || operation.getKind() == OperationKind.MIGRATE;
    }

    private static Job nextLife(Job.Builder job, Operation.Builder operation) {
        return job.setIncarnation(job.getIncarnation() + 1)
                .setNode(operation.getTargetNode())
                .clearGpus()
                .addAllGpus(operation.getTargetGpusList())
                .setState(JobState.RESTORING)
                .clearExitStatus()
                .clearEndedAt()
                .clearError()
                .build();
    }

    /** After a restore that failed with a receipt: nothing of that life is left. */
    static Outcome fallBack(Transaction state, Operation.Builder operation, Job job) {
        long tries = operation.getStepsList().stream().filter(step -> step.getName().equals(StepName.RESTORE.name())).count();
        Step last = operation.getStepsList().stream().filter(step -> step.getName().equals(StepName.RESTORE.name())).reduce((one, other) -> other).orElseThrow();
        boolean imageIsBad = isOfTheImage(last.getError().getCode());
        // Room elsewhere may be kept for somebody, and so may the room that it left: the queue brings it back.
        boolean madeRoom = operation.getKind() == OperationKind.MIGRATE && !operation.getForJob().isEmpty();
        if (tries >= MOST_RESTORES || madeRoom || imageIsBad || last.getError().getCode() == ErrorCode.DEADLINE_EXCEEDED) {
            return Outcome.failed(last.getError());
        }
        boolean onlyThere = operation.getTargetFixed() && !leaves(operation);
        Set<String> tried = nodes(operation, StepName.RESTORE, StepState.STEP_FAILED);
        String before = operation.getTargetNode();
        operation.clearTargetNode().clearTargetGpus();
        Job unplaced = job.toBuilder().setState(JobState.SUSPENDED).build();
        Job stored = state.put(unplaced);
        Optional<Requirements> needs = state.image(operation.getImage()).map(Image::getRequirements);
        Optional<String> node = onlyThere ? Optional.of(before) : choose(state, operation, job, needs, tried).or(() -> choose(state, operation, job, needs, Set.of()));
        if (node.isEmpty()) {
            return Outcome.failed(last.getError());
        }
        operation.setTargetNode(node.get());
        try {
            takeGpus(state, operation, stored, needs);
        } catch (FerryException none) {
            return Outcome.failed(last.getError());
        }
        state.put(nextLife(stored.toBuilder(), operation));
        return Outcome.done("life " + (job.getIncarnation() + 1) + " on node " + node.get());
    }

    /** Another node would fail in the same way. */
    private static boolean isOfTheImage(ErrorCode code) {
        return code == ErrorCode.CHUNK_CORRUPT || code == ErrorCode.CHUNK_MISSING || code == ErrorCode.MANIFEST_CORRUPT || code == ErrorCode.IMAGE_NOT_FOUND || code == ErrorCode.FORMAT_UNKNOWN;
    }

    private static Optional<String> choose(Transaction state, Operation.Builder operation, Job job, Optional<Requirements> needs, Set<String> notHere) {
        try {
            return Optional.of(Placement.choose(state, new Placement.Request(withoutPin(job, operation), needs, "", notHere, operation.getId())));
        } catch (FerryException none) {
            return Optional.empty();
        }
    }

    private static Set<String> nodes(Operation.Builder operation, StepName name, StepState end) {
        return operation.getStepsList().stream().filter(step -> step.getName().equals(name.name()) && step.getState() == end).map(Step::getNode).collect(Collectors.toSet());
    }
}
