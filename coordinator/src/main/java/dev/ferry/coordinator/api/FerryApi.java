package dev.ferry.coordinator.api;

import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.coordinator.access.Caller;
import dev.ferry.coordinator.accounts.Metering;
import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.coordinator.nodes.NodeDirectory;
import dev.ferry.coordinator.operations.OperationEngine;
import dev.ferry.coordinator.operations.PastOperations;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.coordinator.upkeep.StoreUpkeep;
import dev.ferry.proto.v1.*;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** All that can be asked of a coordinator, once for gRPC and HTTP: a request in, an answer or a FerryException out. */
public final class FerryApi {
    private static final int MOST_OPERATIONS = PastOperations.KEPT;
    private static final Duration ANSWER = Duration.ofSeconds(10);

    private final StateStore store;
    private final OperationEngine engine;
    private final CommandDesk desk;
    private final NodeDirectory directory;
    private final Verbs verbs;
    private final ImageVerbs images;
    private final StoreUpkeep upkeep;
    private final SpotVerbs spot;
    private final DrillVerbs drills;
    private final RemovalVerbs removal;
    private final Server server;

    public FerryApi(
            StateStore store, OperationEngine engine, CommandDesk desk, NodeDirectory directory, Verbs verbs, ImageVerbs images, StoreUpkeep upkeep, SpotVerbs spot, DrillVerbs drills, RemovalVerbs removal, Server server) {
        this.store = store;
        this.engine = engine;
        this.desk = desk;
        this.directory = directory;
        this.verbs = verbs;
        this.images = images;
        this.spot = spot;
        this.drills = drills;
        this.removal = removal;
        this.upkeep = upkeep;
        this.server = server;
    }

    public Server server() {
        return server;
    }

    public Job run(RunJobRequest request) {
        return verbs.run(request.getSpec());
    }

    public ListJobsResponse jobs(ListJobsRequest request) {
        return ListJobsResponse.newBuilder().addAllJobs(store.transact(request.getAll() ? Transaction::allJobs : Transaction::liveJobs).stream().map(job -> job.hasGpuFiles() ? job.toBuilder().clearGpuFiles().build() : job).toList()).build();
    }

    public Job job(GetJobRequest request) {
        return store.transact(
                state -> {
                    Job job = JobNames.job(state, request.getJob());
                    return job.getSpec().getGpus() == 0 ? job : job.toBuilder().setUse(Metering.use(state, job.getId())).build();
                });
    }

    /** Passes a signal to a running job and waits for its node's word. */
    public Job signal(SignalJobRequest request) {
        Job job = store.transact(state -> JobNames.job(state, request.getJob()));
        if (request.getSignal() < 1 || request.getSignal() > 64) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, request.getSignal() + " is not the number of a signal");
        }
        if (job.getState() != JobState.RUNNING) {
            throw new FerryException(ErrorCode.WRONG_STATE, "Job " + job.getId() + " is " + job.getState() + "; only a running job can be sent a signal");
        }
        Command command = request(job).setSignal(SignalProcess.newBuilder().setSignal(request.getSignal())).build();
        CommandResult ignored = NodeCall.ask(desk, job.getNode(), command);
        return job;
    }

    /** A command to a job's node that belongs to no operation; lacks what is to be done. */
    private static Command.Builder request(Job job) {
        return Command.newBuilder().setId("req-" + Ids.random(10)).setJob(job.getId()).setIncarnation(job.getIncarnation()).setDeadlineMillis(ANSWER.toMillis());
    }

    /** Asks a job's node how long a checkpoint would stop it. */
    public CheckpointEstimate estimate(CheckpointJobRequest request) {
        Job job = store.transact(state -> JobNames.job(state, request.getJob()));
        if (job.getState() != JobState.RUNNING) {
            throw new FerryException(ErrorCode.WRONG_STATE, "Job " + job.getId() + " is " + job.getState() + "; only a running job can be saved and run on");
        }
        Command command = request(job).setEstimate(EstimateDump.getDefaultInstance()).build();
        CheckpointEstimate.Builder estimate =
                CheckpointEstimate.newBuilder().setJob(job.getId()).setNode(job.getNode()).setDump(NodeCall.ask(desk, job.getNode(), command).getEstimate());
        store.transact(state -> state.image(job.getLatestImage())).ifPresent(estimate::setLatestImage);
        return estimate.build();
    }

    public Operation cancel(CancelJobRequest request) {
        return verbs.cancel(request.getJob());
    }

    public Operation checkpoint(CheckpointJobRequest request) {
        return verbs.checkpoint(request.getJob());
    }

    public Operation suspend(SuspendJobRequest request) {
        return request.getPark() ? verbs.park(request.getJob()) : verbs.suspend(request.getJob());
    }

    public Operation resume(ResumeJobRequest request) {
        return verbs.resume(request.getJob(), request.getNode());
    }

    public Operation migrate(MigrateJobRequest request) {
        return verbs.migrate(request.getJob(), request.getTo(), request.getLive(), "operator");
    }

    public Job setTimeLimit(SetTimeLimitRequest request) {
        return verbs.setTimeLimit(request.getJob(), request.getSeconds());
    }

    public Operation restore(RestoreJobRequest request) {
        return verbs.restore(request.getJobOrImage(), request.getNode());
    }

    public DeletedJob deleteJob(DeleteJobRequest request) {
        return removal.deleteJob(request);
    }

    public ListImagesResponse images(ListImagesRequest request) {
        return ListImagesResponse.newBuilder().addAllImages(images.list(request.getJob())).build();
    }

    public ImageDetails image(GetImageRequest request) {
        return images.details(request.getImage());
    }

    public VerifyImageResponse verifyImage(GetImageRequest request) {
        return images.verify(request.getImage());
    }

    public ImageDiff diffImages(DiffImagesRequest request) {
        return images.diff(request.getFirst(), request.getSecond());
    }

    public DeleteImageResponse deleteImage(GetImageRequest request) {
        return images.delete(request.getImage());
    }

    public StoreStats storeStats() {
        return upkeep.stats();
    }

    public Collection collectGarbage(CollectGarbageRequest request) {
        return upkeep.collect(request);
    }

    public StoreKeys storeKeys() {
        return upkeep.listKeys();
    }

    public StoreKeys rotateStoreKeys(RotateStoreKeysRequest request) {
        return upkeep.rotateKeys(request);
    }

    public StoreCheck checkStore(CheckStoreRequest request) {
        return upkeep.check(request);
    }

    public ListNodesResponse nodes() {
        return ListNodesResponse.newBuilder().addAllNodes(store.transact(directory::all)).build();
    }

    public Node node(GetNodeRequest request) {
        return store.transact(state -> directory.complete(state, NodeDirectory.node(state, request.getNode())));
    }

    /** Closes a node to new jobs and moves those that are there away; one that can't be moved stays and says why. */
    public DrainNodeResponse drain(GetNodeRequest request) {
        Node node = directory.drain(request.getNode());
        List<Operation> moves = new ArrayList<>();
        for (String job : node.getJobsList()) {
            try {
                moves.add(verbs.move(job, "", "drain of " + node.getName()));
            } catch (FerryException stays) {
                store.transact(
                        state -> {
                            state.job(job).ifPresent(there -> state.put(there.toBuilder().setReason("not moved by the drain of " + node.getName() + ": " + stays.getMessage()).build()));
                            return true;
                        });
            }
        }
        return DrainNodeResponse.newBuilder().setNode(node).addAllOperations(moves).build();
    }

    public Node undrain(GetNodeRequest request) {
        spot.takeBack(request.getNode());
        return directory.undrain(request.getNode());
    }

    public Node declareDead(DeclareNodeDeadRequest request) {
        if (!request.getChecked()) {
            throw new FerryException(
                    ErrorCode.INVALID_ARGUMENT, "Declaring a node dead lets its jobs start elsewhere: confirm that you have checked that nothing runs there any more");
        }
        return directory.declareDead(request.getNode(), ProofKind.PROOF_OPERATOR, "an operator");
    }

    public Node removeNode(GetNodeRequest request) {
        return removal.removeNode(request);
    }

    /** What can be asked about machines that go away. */
    public SpotVerbs spot() {
        return spot;
    }

    /** Rehearsals. */
    public DrillVerbs drills() {
        return drills;
    }

    public ListOperationsResponse operations(ListOperationsRequest request) {
        return store.transact(
                state -> {
                    List<Operation> found =
                            request.getOpenOnly()
                                    ? state.openOperations().stream()
                                            .filter(open -> request.getJob().isEmpty() || open.getJob().equals(JobNames.job(state, request.getJob()).getId()))
                                            .toList()
                                    : request.getJob().isEmpty() ? latest(state, Caller.current()) : state.operations(JobNames.job(state, request.getJob()).getId(), MOST_OPERATIONS);
                    return ListOperationsResponse.newBuilder().addAllOperations(found.stream().map(engine::withProgress).toList()).build();
                });
    }

    /** The latest operations on the caller's jobs: those of others must not take their place in the list. */
    private static List<Operation> latest(Transaction state, Caller caller) {
        if (caller.seesAll()) {
            return state.operations("", MOST_OPERATIONS);
        }
        return state.allJobs().stream()
                .filter(caller::sees)
                .flatMap(job -> state.operations(job.getId(), MOST_OPERATIONS).stream())
                .sorted(Comparator.comparingLong(Operation::getStartedAt).reversed())
                .limit(MOST_OPERATIONS)
                .toList();
    }

    public Operation operation(GetOperationRequest request) {
        return engine.withProgress(store.transact(state -> JobNames.operation(state, request.getOperation())));
    }
}
