package dev.ferry.coordinator.api;

import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.store.Changes;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.*;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The operators' side of the gRPC server. Each call has a virtual thread, so that a handler may wait. */
public final class FerryService extends FerryGrpc.FerryImplBase {
    private static final Logger LOG = LoggerFactory.getLogger(FerryService.class);
    private static final Duration LOOK = Duration.ofSeconds(5);
    private static final long ROOM_NANOS = 20_000_000;

    private final FerryApi api;
    private final StateStore store;
    private final Changes changes;
    private final LogReader logs;
    private final ImageStreams files;

    public FerryService(FerryApi api, StateStore store, Changes changes, LogReader logs, ImageStreams files) {
        this.api = api;
        this.store = store;
        this.changes = changes;
        this.logs = logs;
        this.files = files;
    }

    static <T> void answer(StreamObserver<T> to, Supplier<T> work) {
        try {
            T answer = work.get();
            to.onNext(answer);
            to.onCompleted();
        } catch (RuntimeException | Error failed) {
            to.onError(status(failed));
        }
    }

    private static Throwable status(Throwable failed) {
        if (!(failed instanceof dev.ferry.common.FerryException)) {
            LOG.error("a call failed", failed);
        }
        return ErrorTransport.toStatus(failed);
    }

    @Override
    public void getServer(GetServerRequest request, StreamObserver<Server> to) {
        answer(to, api::server);
    }

    @Override
    public void runJob(RunJobRequest request, StreamObserver<Job> to) {
        answer(to, () -> api.run(request));
    }

    @Override
    public void listJobs(ListJobsRequest request, StreamObserver<ListJobsResponse> to) {
        answer(to, () -> api.jobs(request));
    }

    @Override
    public void getJob(GetJobRequest request, StreamObserver<Job> to) {
        answer(to, () -> api.job(request));
    }

    @Override
    public void signalJob(SignalJobRequest request, StreamObserver<Job> to) {
        answer(to, () -> api.signal(request));
    }

    @Override
    public void cancelJob(CancelJobRequest request, StreamObserver<Operation> to) {
        answer(to, () -> api.cancel(request));
    }

    @Override
    public void checkpointJob(CheckpointJobRequest request, StreamObserver<Operation> to) {
        answer(to, () -> api.checkpoint(request));
    }

    @Override
    public void estimateCheckpoint(CheckpointJobRequest request, StreamObserver<CheckpointEstimate> to) {
        answer(to, () -> api.estimate(request));
    }

    @Override
    public void suspendJob(SuspendJobRequest request, StreamObserver<Operation> to) {
        answer(to, () -> api.suspend(request));
    }

    @Override
    public void resumeJob(ResumeJobRequest request, StreamObserver<Operation> to) {
        answer(to, () -> api.resume(request));
    }

    @Override
    public void migrateJob(MigrateJobRequest request, StreamObserver<Operation> to) {
        answer(to, () -> api.migrate(request));
    }

    @Override
    public void restoreJob(RestoreJobRequest request, StreamObserver<Operation> to) {
        answer(to, () -> api.restore(request));
    }

    @Override
    public void listImages(ListImagesRequest request, StreamObserver<ListImagesResponse> to) {
        answer(to, () -> api.images(request));
    }

    @Override
    public void getImage(GetImageRequest request, StreamObserver<ImageDetails> to) {
        answer(to, () -> api.image(request));
    }

    @Override
    public void verifyImage(GetImageRequest request, StreamObserver<VerifyImageResponse> to) {
        answer(to, () -> api.verifyImage(request));
    }

    @Override
    public void diffImages(DiffImagesRequest request, StreamObserver<ImageDiff> to) {
        answer(to, () -> api.diffImages(request));
    }

    @Override
    public void deleteImage(GetImageRequest request, StreamObserver<DeleteImageResponse> to) {
        answer(to, () -> api.deleteImage(request));
    }

    @Override
    public void exportImage(GetImageRequest request, StreamObserver<ImagePiece> to) {
        files.export(request, to);
    }

    @Override
    public StreamObserver<ImportImageRequest> importImage(StreamObserver<ImportImageResponse> to) {
        return files.load(to);
    }

    @Override
    public void getStore(GetStoreRequest request, StreamObserver<StoreStats> to) {
        answer(to, api::storeStats);
    }

    @Override
    public void collectGarbage(CollectGarbageRequest request, StreamObserver<Collection> to) {
        answer(to, () -> api.collectGarbage(request));
    }

    @Override
    public void listStoreKeys(ListStoreKeysRequest request, StreamObserver<StoreKeys> to) {
        answer(to, api::storeKeys);
    }

    @Override
    public void rotateStoreKeys(RotateStoreKeysRequest request, StreamObserver<StoreKeys> to) {
        answer(to, () -> api.rotateStoreKeys(request));
    }

    @Override
    public void checkStore(CheckStoreRequest request, StreamObserver<StoreCheck> to) {
        answer(to, () -> api.checkStore(request));
    }

    @Override
    public void listNodes(ListNodesRequest request, StreamObserver<ListNodesResponse> to) {
        answer(to, api::nodes);
    }

    @Override
    public void getNode(GetNodeRequest request, StreamObserver<Node> to) {
        answer(to, () -> api.node(request));
    }

    @Override
    public void drainNode(GetNodeRequest request, StreamObserver<DrainNodeResponse> to) {
        answer(to, () -> api.drain(request));
    }

    @Override
    public void undrainNode(GetNodeRequest request, StreamObserver<Node> to) {
        answer(to, () -> api.undrain(request));
    }

    @Override
    public void deleteJob(DeleteJobRequest request, StreamObserver<DeletedJob> to) {
        answer(to, () -> api.deleteJob(request));
    }

    @Override
    public void removeNode(GetNodeRequest request, StreamObserver<Node> to) {
        answer(to, () -> api.removeNode(request));
    }

    @Override
    public void declareNodeDead(DeclareNodeDeadRequest request, StreamObserver<Node> to) {
        answer(to, () -> api.declareDead(request));
    }

    @Override
    public void evacuateNode(EvacuateNodeRequest request, StreamObserver<Evacuation> to) {
        answer(to, () -> api.spot().evacuate(request));
    }

    @Override
    public void getJobPolicy(GetJobRequest request, StreamObserver<JobPolicy> to) {
        answer(to, () -> api.spot().policy(request));
    }

    @Override
    public void setJobPolicy(SetJobPolicyRequest request, StreamObserver<JobPolicy> to) {
        answer(to, () -> api.spot().setPolicy(request));
    }

    @Override
    public void setTimeLimit(SetTimeLimitRequest request, StreamObserver<Job> to) {
        answer(to, () -> api.setTimeLimit(request));
    }

    @Override
    public void listPools(ListPoolsRequest request, StreamObserver<ListPoolsResponse> to) {
        answer(to, () -> api.spot().pools());
    }

    @Override
    public void listEvacuations(ListEvacuationsRequest request, StreamObserver<ListEvacuationsResponse> to) {
        answer(to, () -> api.spot().evacuations(request));
    }

    @Override
    public void getEvacuation(GetEvacuationRequest request, StreamObserver<Evacuation> to) {
        answer(to, () -> api.spot().evacuation(request));
    }

    @Override
    public void confirmNodeGone(ConfirmGoneRequest request, StreamObserver<Node> to) {
        answer(to, () -> api.spot().confirmGone(request));
    }

    @Override
    public void drillNode(DrillNodeRequest request, StreamObserver<Drill> to) {
        answer(to, () -> api.drills().drillNode(request));
    }

    @Override
    public void drillRestore(DrillRestoreRequest request, StreamObserver<Drill> to) {
        answer(to, () -> api.drills().drillRestore(request));
    }

    @Override
    public void listDrills(ListDrillsRequest request, StreamObserver<ListDrillsResponse> to) {
        answer(to, () -> api.drills().list(request));
    }

    @Override
    public void getDrill(GetDrillRequest request, StreamObserver<Drill> to) {
        answer(to, () -> api.drills().one(request));
    }

    @Override
    public void listNotices(ListNoticesRequest request, StreamObserver<ListNoticesResponse> to) {
        answer(to, () -> api.spot().notices(request));
    }

    @Override
    public void listOperations(ListOperationsRequest request, StreamObserver<ListOperationsResponse> to) {
        answer(to, () -> api.operations(request));
    }

    @Override
    public void getOperation(GetOperationRequest request, StreamObserver<Operation> to) {
        answer(to, () -> api.operation(request));
    }

    @Override
    public void watchJob(GetJobRequest request, StreamObserver<Job> to) {
        stream(
                to,
                () -> {
                    Job told = api.job(request);
                    to.onNext(told);
                    while (!JobStates.isEnded(told.getState()) && isOpen(to)) {
                        long version = told.getVersion();
                        String id = told.getId();
                        if (changes.await(id, LOOK, () -> store.transact(state -> JobNames.known(state, id)).getVersion() != version)) {
                            told = store.transact(state -> JobNames.known(state, id));
                            to.onNext(told);
                        }
                    }
                });
    }

    @Override
    public void watchOperation(GetOperationRequest request, StreamObserver<Operation> to) {
        stream(
                to,
                () -> {
                    Operation told = api.operation(request);
                    to.onNext(told);
                    GetOperationRequest exact = GetOperationRequest.newBuilder().setOperation(told.getId()).build();
                    while (told.getState() == OperationState.OPEN && isOpen(to)) {
                        Operation before = told;
                        // Progress is not in the store and changes no version: the whole message is compared.
                        if (changes.await(told.getId(), LOOK, () -> !api.operation(exact).equals(before))) {
                            told = api.operation(exact);
                            to.onNext(told);
                        }
                    }
                });
    }

    @Override
    public void readLog(ReadLogRequest request, StreamObserver<LogChunk> to) {
        stream(
                to,
                () ->
                        logs.read(
                                request.getJob(),
                                request.getOffset(),
                                request.getIncarnation(),
                                request.getFollow(),
                                new LogReader.Sink() {
                                    @Override
                                    public boolean take(LogChunk piece) {
                                        boolean open = awaitRoom((ServerCallStreamObserver<LogChunk>) to);
                                        if (open) {
                                            to.onNext(piece);
                                        }
                                        return open;
                                    }

                                    @Override
                                    public boolean isOpen() {
                                        return FerryService.isOpen(to);
                                    }
                                }));
    }

    interface Streaming {
        void run() throws InterruptedException, IOException;
    }

    static void stream(StreamObserver<?> to, Streaming work) {
        try {
            work.run();
            if (isOpen(to)) {
                to.onCompleted();
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        } catch (IOException | RuntimeException | Error failed) {
            if (isOpen(to)) {
                to.onError(status(failed));
            }
        }
    }

    private static boolean isOpen(StreamObserver<?> to) {
        return !((ServerCallStreamObserver<?>) to).isCancelled();
    }

    /** Waits while the reader does not keep up, so that a long log does not fill our memory. */
    static boolean awaitRoom(ServerCallStreamObserver<?> to) {
        BooleanSupplier blocked = () -> !to.isReady() && !to.isCancelled();
        while (blocked.getAsBoolean()) {
            LockSupport.parkNanos(ROOM_NANOS);
        }
        return !to.isCancelled();
    }
}
