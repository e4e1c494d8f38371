package dev.ferry.chaos.simulation;

import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.ProofKind;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Looks at the whole world, as nobody in it can. */
final class Invariants {
    private final World world;
    private final MemoryTables tables;
    private final Map<String, Begun> lastBegun = new HashMap<>();
    private final Set<String> runningNow = new HashSet<>();
    private @Nullable Violation first;

    /**
     * A life that began.
     *
     * @param forgotten the node's disk has been replaced since: with the life it lost what it had been told of it
     */
    private record Begun(long incarnation, String node, boolean forgotten) {}

    Invariants(World world, MemoryTables tables) {
        this.world = world;
        this.tables = tables;
    }

    /** Kept as well as thrown: in the middle of a transaction it comes through the product's own code, which goes on after an Error. */
    private Violation broken(Invariant invariant, String what) {
        Violation found = new Violation(invariant, what);
        if (first == null) {
            first = found;
        }
        return found;
    }

    /** After each event. */
    void check() {
        if (first != null) {
            throw first;
        }
        runningNow.clear();
        for (SimNode node : world.nodes()) {
            for (SimNode.Copy copy : node.copies()) {
                if (copy.runs() && !runningNow.add(copy.job)) {
                    throw broken(Invariant.AT_MOST_ONE_RUNNING_COPY, String.join(" and ", runningCopies(copy.job).stream().map(SimNode.Copy::toString).toList()));
                }
                if (copy.runs() && copy.keepsLease) {
                    checkLease(node, copy);
                }
            }
        }
    }

    private void checkLease(SimNode node, SimNode.Copy copy) {
        if (node.lease().hasEnded()) {
            throw broken(Invariant.NO_COPY_RUNS_AFTER_ITS_LEASE, copy + ", whose lease has ended");
        }
        Node record = tables.nodes.get(node.name());
        if (record != null && record.getProof().getKind() == ProofKind.PROOF_LEASE) {
            throw broken(Invariant.NO_COPY_RUNS_AFTER_ITS_LEASE, copy + ", and the store says: " + record.getProof().getDetail());
        }
    }

    private List<SimNode.Copy> runningCopies(String job) {
        return world.nodes().stream().flatMap(node -> node.copies().stream()).filter(copy -> copy.job.equals(job) && copy.runs()).toList();
    }

    /** A node lets a life begin. */
    void begins(SimNode.Copy copy) {
        world.simulation().trace(() -> copy + " begins at step " + copy.progress());
        Begun before = lastBegun.put(copy.job, new Begun(copy.incarnation, copy.node().name(), false));
        if (before != null && (before.incarnation() > copy.incarnation || (before.incarnation() == copy.incarnation && !before.forgotten()))) {
            throw broken(Invariant.NO_LOWER_INCARNATION_ACTS, copy + " begins after life " + before.incarnation());
        }
        Optional<SimImages.Stored> latest = Optional.ofNullable(tables.jobs.get(copy.job)).flatMap(job -> world.images().get(job.getLatestImage()));
        if (latest.isPresent() && latest.get().progress() > copy.progress()) {
            throw broken(Invariant.PROGRESS_NEVER_BEHIND_THE_COMMITTED_IMAGE, copy + " begins at step " + copy.progress() + ", its latest image is at " + latest.get().progress());
        }
    }

    /** The disk of a node is not what it was: what was done there since may be done again. */
    void diskReplaced(SimNode node) {
        lastBegun.replaceAll((job, begun) -> begun.node().equals(node.name()) ? new Begun(begun.incarnation(), begun.node(), true) : begun);
    }

    /** A coordinator is about to write. */
    void beforeCommit(long epoch, MemoryTransaction transaction) {
        if (epoch != tables.epoch) {
            throw broken(Invariant.NO_WRITE_OF_A_DEPOSED_LEADER, "the leader of epoch " + epoch + " writes " + transaction.changed + " in epoch " + tables.epoch);
        }
        for (Job job : transaction.jobs.values()) {
            Job before = tables.jobs.getOrDefault(job.getId(), Job.getDefaultInstance());
            if (job.getIncarnation() < before.getIncarnation()) {
                throw broken(Invariant.NO_LOWER_INCARNATION_ACTS, job.getId() + " goes from life " + before.getIncarnation() + " back to " + job.getIncarnation());
            }
            if (!job.getLatestImage().equals(before.getLatestImage())) {
                checkLatest(before, job, transaction);
            }
        }
    }

    private void checkLatest(Job before, Job job, MemoryTransaction transaction) {
        Optional<SimImages.Stored> stored = world.images().get(job.getLatestImage());
        if (stored.isEmpty() || transaction.image(job.getLatestImage()).isEmpty()) {
            throw broken(Invariant.NO_COMMITTED_IMAGE_LOST, "image " + job.getLatestImage() + " is the latest of its job and not whole");
        }
        long progress = world.images().get(before.getLatestImage()).map(SimImages.Stored::progress).orElse(0L);
        if (stored.get().progress() < progress) {
            throw broken(Invariant.PROGRESS_NEVER_BEHIND_THE_COMMITTED_IMAGE, "image " + job.getLatestImage() + " is at step " + stored.get().progress() + ", the latest before at " + progress);
        }
        if (stored.get().incarnation() != before.getIncarnation()) {
            throw broken(Invariant.NO_COMMITTED_IMAGE_LOST, "image " + job.getLatestImage() + " of life " + stored.get().incarnation() + " becomes the latest in life " + before.getIncarnation());
        }
    }

    /** A daemon is about to kill a life. */
    void kills(SimNode.Copy copy, String order) {
        world.simulation().trace(() -> copy + " is killed at step " + copy.progress() + " by " + order);
        Job job = tables.jobs.get(copy.job);
        if (job == null) {
            return;
        }
        Optional<Operation> open = Optional.ofNullable(tables.operations.get(job.getOperation()));
        boolean cancelled = open.filter(operation -> operation.getKind() == OperationKind.CANCEL).isPresent();
        if (job.getIncarnation() == copy.incarnation && mayRun(job.getState()) && !cancelled) {
            throw broken(Invariant.NOTHING_KILLED_BEFORE_THE_COMMIT, copy + " is killed by " + order + ", and the store says that it lives: " + job.getState());
        }
        Optional<Operation> move = Optional.ofNullable(tables.operations.get(order.split("/", 2)[0])).filter(Invariants::isMove);
        long inImage = move.flatMap(operation -> world.images().get(operation.getImage())).map(SimImages.Stored::progress).orElse(copy.progress());
        boolean nodeWasLost = lastBegun.containsKey(copy.job) && lastBegun.get(copy.job).forgotten();
        if (move.filter(operation -> operation.getIncarnation() == copy.incarnation).isPresent() && !nodeWasLost && inImage != copy.progress()) {
            throw broken(Invariant.NOTHING_KILLED_BEFORE_THE_COMMIT, copy + " is killed at step " + copy.progress() + ", its image is at " + inImage);
        }
    }

    private static boolean isMove(Operation operation) {
        return operation.getKind() == OperationKind.MIGRATE || operation.getKind() == OperationKind.SUSPEND;
    }

    private static boolean mayRun(JobState state) {
        return switch (state) {
            case STARTING, RUNNING, PARKED, RESTORING, UNREACHABLE -> true;
            case PENDING, SUSPENDED, LOST, EXITED, CANCELLED_JOB, FAILED, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> false;
        };
    }

    /** What is not yet as it must be when faults have stopped for long enough; empty: all is settled. */
    Optional<String> unsettled() {
        if (!tables.openOperations.isEmpty()) {
            return Optional.of("operations are open: " + tables.openOperations.stream().map(id -> describe(tables.operations.get(id))).toList());
        }
        for (Job job : tables.jobs.values()) {
            List<SimNode.Copy> copies = world.nodes().stream().flatMap(node -> node.copies().stream()).filter(copy -> copy.job.equals(job.getId())).toList();
            boolean right =
                    switch (job.getState()) {
                        case RUNNING -> copies.size() == 1 && copies.getFirst().runs() && copies.getFirst().incarnation == job.getIncarnation() && copies.getFirst().node().name().equals(job.getNode());
                        case SUSPENDED, LOST, EXITED, CANCELLED_JOB, FAILED -> copies.isEmpty();
                        case PARKED -> copies.size() == 1 && copies.getFirst().isHeld() && copies.getFirst().incarnation == job.getIncarnation() && copies.getFirst().node().name().equals(job.getNode());
                        case PENDING, STARTING, RESTORING, UNREACHABLE, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> false;
                    };
            if (!right) {
                return Optional.of("job " + job.getId() + " is " + job.getState() + " in life " + job.getIncarnation() + " on " + job.getNode() + " (" + job.getReason() + "), and there is " + copies);
            }
        }
        return Optional.empty();
    }

    private static String describe(Operation operation) {
        return operation.getId() + " " + operation.getKind() + " " + operation.getState() + " at " + (operation.getStepsCount() == 0 ? "its begin" : operation.getSteps(operation.getStepsCount() - 1).getName() + " on " + operation.getSteps(operation.getStepsCount() - 1).getNode());
    }

}
