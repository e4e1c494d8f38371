package dev.ferry.cli.chaos;

import dev.ferry.cli.Client;
import dev.ferry.cli.cluster.LocalCluster;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.GetOperationRequest;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobPolicy;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListEvacuationsRequest;
import dev.ferry.proto.v1.ListImagesRequest;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.RestoreJobRequest;
import dev.ferry.proto.v1.ResumeJobRequest;
import dev.ferry.proto.v1.RunJobRequest;
import dev.ferry.proto.v1.SetJobPolicyRequest;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** What is asked of a cluster whose coordinator may be away at any moment: each look is repeated until it is answered. */
final class ChaosCluster implements AutoCloseable {
    static final Duration LOOK = Duration.ofMillis(50);
    private static final String STUCK = "OPEN";
    private static final Duration MOST_AWAY = Duration.ofMinutes(1);
    private static final long STEP_LOOK_NANOS = 2_000_000;

    private final LocalCluster parts;
    private final Client client;

    ChaosCluster(LocalCluster parts) {
        this.parts = parts;
        client = new Client(parts.server());
    }

    /** Safe to be repeated: looks, and requests that are refused when they were done. */
    private synchronized <T> T ask(Function<FerryGrpc.FerryBlockingStub, T> call) {
        long end = System.nanoTime() + MOST_AWAY.toNanos();
        while (true) {
            try {
                return client.ask(call);
            } catch (FerryException failed) {
                // Not led also where the client has given up: on a busy machine the next one takes longer than its turns.
                boolean away = failed.code() == ErrorCode.COORDINATOR_UNREACHABLE || failed.code() == ErrorCode.DEADLINE_EXCEEDED || failed.code() == ErrorCode.NOT_LEADER;
                if (!away || System.nanoTime() > end) {
                    throw failed;
                }
                client.connectNow();
                LockSupport.parkNanos(LOOK.toNanos());
            }
        }
    }

    String submit(JobSpec spec) {
        return ask(stub -> stub.runJob(RunJobRequest.newBuilder().setSpec(spec).build())).getId();
    }

    Job job(String id) {
        return ask(stub -> stub.getJob(GetJobRequest.newBuilder().setJob(id).build()));
    }

    Operation checkpoint(String job) {
        return ask(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job).build()));
    }

    /** The target may be so shortly back that it is not ready yet. */
    Operation migrate(String job, String to, boolean live) {
        long end = System.nanoTime() + MOST_AWAY.toNanos();
        while (true) {
            try {
                return ask(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job).setTo(to).setLive(live).build()));
            } catch (FerryException notYet) {
                if (notYet.code() != ErrorCode.NODE_DOWN || System.nanoTime() > end) {
                    throw notYet;
                }
                LockSupport.parkNanos(LOOK.toNanos());
            }
        }
    }

    Operation operation(Operation begun) {
        return ask(stub -> stub.getOperation(GetOperationRequest.newBuilder().setOperation(begun.getId()).build()));
    }

    /** The operation when it has ended, or as it is at the end of the time. */
    Operation end(Operation begun, Duration atMost) {
        long end = System.nanoTime() + atMost.toNanos();
        Operation now = operation(begun);
        while (now.getState() == OperationState.OPEN && System.nanoTime() < end) {
            LockSupport.parkNanos(LOOK.toNanos());
            now = operation(begun);
        }
        return now;
    }

    /** Waits until an operation has come to a step, or past it. */
    void awaitStep(Operation begun, String step, Duration atMost) {
        long end = System.nanoTime() + atMost.toNanos();
        Operation now = operation(begun);
        while (now.getState() == OperationState.OPEN && now.getStepsList().stream().noneMatch(one -> one.getName().equals(step)) && System.nanoTime() < end) {
            LockSupport.parkNanos(STEP_LOOK_NANOS);
            now = operation(begun);
        }
    }

    /** How an operation ended, in a word or two. */
    static String outcome(Operation ended) {
        return switch (ended.getState()) {
            case SUCCEEDED -> "SUCCEEDED";
            case FAILED_OPERATION -> "FAILED " + ended.getError().getCode();
            case OPEN, OPERATION_STATE_UNSPECIFIED, UNRECOGNIZED -> STUCK;
        };
    }

    /** In which step an operation stands. */
    String lastStep(Operation operation) {
        return operation.getStepsCount() == 0 ? "no step was begun" : operation.getSteps(operation.getStepsCount() - 1).toString().replace('\n', ' ');
    }

    /** Does what an operator would do with a job that waits for one. */
    void bringBack(Job job) {
        try {
            if (job.getState() == JobState.SUSPENDED) {
                Operation ignored = ask(stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(job.getId()).build()));
            } else if (job.getState() == JobState.LOST) {
                Operation ignored = ask(stub -> stub.restoreJob(RestoreJobRequest.newBuilder().setJobOrImage(job.getId()).build()));
            }
        } catch (FerryException notNow) {
            // The coordinator was faster, or no node is ready yet: the next look decides again.
            LockSupport.parkNanos(LOOK.toNanos());
        }
    }

    /**
     * How many lives of a job began, in operations that were not there before, from an image that may be older than what the job had done: in a restore,
     * and where an operation restored a second time, because the node of the first may have let the job run before it was lost.
     */
    long restores(String job, Set<String> before) {
        return operations(job).stream().filter(operation -> !before.contains(operation.getId())).mapToLong(ChaosCluster::restores).sum();
    }

    /** Ids of all operations on these jobs: by them those that come later are known, whatever the wall clocks say. */
    Set<String> operationsOf(List<String> jobs) {
        return jobs.stream().flatMap(job -> operations(job).stream()).map(Operation::getId).collect(Collectors.toSet());
    }

    private static long restores(Operation operation) {
        long steps = operation.getStepsList().stream().filter(step -> step.getName().equals("RESTORE")).count();
        return operation.getKind() == OperationKind.RESTORE ? steps : Math.max(0, steps - 1);
    }

    /** Images that are made in the background in such times, and how much of its time a job may stand still for them. */
    void imagesEvery(String job, String time, double mostFrozen) {
        JobPolicy ignored = ask(stub -> stub.setJobPolicy(SetJobPolicyRequest.newBuilder().setJob(job).setCheckpoint(time).setMostFrozen(mostFrozen).build()));
    }

    /** From one image to the next. */
    Duration interval(String job) {
        return Duration.ofMillis(ask(stub -> stub.getJobPolicy(GetJobRequest.newBuilder().setJob(job).build())).getIntervalMillis());
    }

    /** The evacuation of the node, if there was one: a cluster of which a machine is taken away once. */
    Optional<Evacuation> evacuation(String node) {
        List<Evacuation> all = ask(stub -> stub.listEvacuations(ListEvacuationsRequest.getDefaultInstance())).getEvacuationsList().stream().filter(one -> one.getNode().equals(node)).toList();
        if (all.size() > 1) {
            throw new FerryException(ErrorCode.INTERNAL, "One notice made " + all.size() + " evacuations of " + node);
        }
        return all.stream().findFirst();
    }

    /** All images of a job that can be brought back, the oldest first. */
    List<Image> images(String job) {
        return ask(stub -> stub.listImages(ListImagesRequest.newBuilder().setJob(job).build())).getImagesList();
    }

    /** All operations of a job, the newest first. */
    List<Operation> operations(String job) {
        return ask(stub -> stub.listOperations(ListOperationsRequest.newBuilder().setJob(job).build())).getOperationsList();
    }

    /** Nodes on which a process of the job is alive; a stale copy, which stands still, may be there for a while until it is killed. */
    List<Integer> nodesWith(String job) {
        return IntStream.rangeClosed(1, parts.size()).filter(node -> !parts.jobProcesses(node, job).isEmpty()).boxed().toList();
    }

    @Override
    public synchronized void close() {
        client.close();
    }
}
