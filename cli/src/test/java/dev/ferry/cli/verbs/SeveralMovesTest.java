package dev.ferry.cli.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.cli.Ferry;
import dev.ferry.cli.StandInCoordinator;
import dev.ferry.common.Errors;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.CheckpointEstimate;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.DecisionsGrpc;
import dev.ferry.proto.v1.DeleteJobRequest;
import dev.ferry.proto.v1.DeletedJob;
import dev.ferry.proto.v1.DrainNodeResponse;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.EvacuateNodeRequest;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.EvacuationState;
import dev.ferry.proto.v1.Evacuee;
import dev.ferry.proto.v1.EvacueeState;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetEvacuationRequest;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.GetOperationRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.ListOperationsResponse;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.RebalancePlan;
import dev.ferry.proto.v1.RebalanceRequest;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import dev.ferry.proto.v1.SuspendJobRequest;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import io.vertx.core.json.JsonObject;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Verbs that follow more than one move: what became of one does not hide the others, and the exit status is that of the whole. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class SeveralMovesTest {
    private final Cluster cluster = new Cluster();
    private final Plans plans = new Plans();
    private StandInCoordinator coordinator;

    @BeforeEach
    void open() throws Exception {
        coordinator = StandInCoordinator.of(cluster, plans);
    }

    @AfterEach
    void close() {
        coordinator.close();
    }

    private Ferry.Said ferry(String... words) {
        String[] all = List.of(List.of(words), List.of("--server", coordinator.address())).stream().flatMap(List::stream).toArray(String[]::new);
        return Ferry.ferry(all);
    }

    private static int status(ErrorCode code) {
        return Errors.meaning(code).getExitStatus();
    }

    @Test
    void aDrainIsJudgedByTheNodeAtItsEnd() {
        Ferry.Said said = ferry("node", "drain", "node-1");
        assertThat(said.error()).contains("op-fails-1 can't", "operation op-busy on job j-busy has not ended, and is waited for");
        assertThat(said.out()).contains("op-well of job", "op-late of job", "node-1 is DRAINED").doesNotContain("could not be moved");
        assertThat(said.status()).isZero();
    }

    @Test
    void aJobThatHasLeftTheNodeIsNotMovedAgain() {
        cluster.then = "node-2";
        Ferry.Said said = ferry("node", "drain", "node-1");
        assertThat(cluster.asked).containsExactly("j-busy", "op-busy is waited for");
        assertThat(said.out()).contains("node-1 is DRAINED").doesNotContain("op-late");
        assertThat(said.status()).isZero();
    }

    @Test
    void aJobThatWasOnItsWayToTheNodeIsMovedOn() {
        cluster.coming = List.of(Cluster.open("op-brings").toBuilder().setJob("j-comes").setTargetNode("node-1").build(), Cluster.open("op-elsewhere").toBuilder().setJob("j-other").setTargetNode("node-2").build());
        Ferry.Said said = ferry("node", "drain", "node-1");
        assertThat(cluster.asked).contains("j-comes").doesNotContain("j-other");
        assertThat(said.out()).contains("op-j-comes of job");
        assertThat(said.status()).isZero();
    }

    @Test
    void aJobThatIsBusyHoldsNoOtherUp() {
        cluster.busyFor = 2;
        Ferry.Said said = ferry("cancel", "j-busy", "j-free");
        assertThat(cluster.asked).containsExactly("j-busy", "j-free", "j-busy", "op-busy is waited for", "j-busy");
        assertThat(said.out()).contains("op-late", "op-j-free");
        assertThat(said.status()).isZero();
    }

    @Test
    void whatHasBegunIsToldWhenNobodyAnswersAnyMore() {
        Ferry.Said said = ferry("cancel", "j-free", "j-silent", "j-other");
        assertThat(said.error()).contains("operation op-j-free goes on", "COORDINATOR_UNREACHABLE");
        assertThat(cluster.asked).containsExactly("j-free", "j-silent");
        assertThat(ferry("checkpoint", "--detach", "j-free", "j-silent").out()).contains("op-j-free");
    }

    @Test
    void oneThatCanNotBeFollowedHidesNoOther() {
        Ferry.Said said = ferry("cancel", "j-unseen", "j-free");
        assertThat(said.error()).contains("OPERATION_NOT_FOUND");
        assertThat(said.out()).contains("op-j-free", "done in");
        assertThat(said.status()).isEqualTo(status(ErrorCode.OPERATION_NOT_FOUND));
        cluster.moves = List.of("op-j-unseen", "op-well");
        assertThat(ferry("node", "drain", "node-1").out()).contains("op-well of job", "node-1 is DRAINED");
        plans.moves = List.of("op-j-unseen", "op-well");
        Ferry.Said balanced = ferry("rebalance");
        assertThat(balanced.out()).contains("op-well of job");
        assertThat(balanced.status()).isEqualTo(status(ErrorCode.OPERATION_NOT_FOUND));
    }

    @Test
    void anImageThatCanNotBeShownFailsNothing() {
        Ferry.Said said = ferry("operation", "watch", "op-saves");
        assertThat(said.out()).contains("done in").doesNotContain(": image");
        assertThat(said.status()).isZero();
    }

    @Test
    void aDrainThatLeavesAJobSaysSo() {
        cluster.after = Node.newBuilder().setName("node-1").setState(NodeState.DRAINING).addJobs("j-busy").build();
        cluster.busyFor = 100;
        Ferry.Said said = ferry("node", "drain", "node-1");
        assertThat(said.error()).contains("OPERATION_IN_PROGRESS");
        assertThat(said.out()).contains("node-1 is DRAINING: j-busy could not be moved");
        assertThat(said.status()).isEqualTo(status(ErrorCode.NO_CAPACITY));
    }

    @Test
    void aDocumentIsOfTheEndTooAndSoIsTheStatus() {
        JsonObject drained = new JsonObject(ferry("node", "drain", "node-1", "-o", "json").out());
        assertThat(drained.getJsonObject("node").getString("state")).isEqualTo("DRAINED");
        assertThat(drained.getJsonArray("operations").encode()).contains("FAILED_OPERATION", "op-well", "op-late").doesNotContain("OPEN");
        JsonObject begun = new JsonObject(ferry("node", "drain", "node-1", "-o", "json", "--detach").out());
        assertThat(begun.getJsonArray("operations").encode()).contains("OPEN");
        assertThat(ferry("rebalance", "-o", "json").status()).isEqualTo(status(ErrorCode.DUMP_FAILED));
    }

    @Test
    void aMoveThatFailsHidesNoOther() {
        Ferry.Said said = ferry("rebalance");
        assertThat(said.error()).contains("op-fails-1 can't", "op-fails-2 can't");
        assertThat(said.out()).contains("op-well of job");
        assertThat(said.status()).isEqualTo(status(ErrorCode.DUMP_FAILED));
    }

    private static Evacuation evacuation(EvacueeState first, EvacueeState second, EvacueeState third) {
        return Evacuation.newBuilder()
                .setId("e-1")
                .setNode("node-1")
                .setState(EvacuationState.EVACUATING)
                .addJobs(Evacuee.newBuilder().setJob("j-first").setState(first))
                .addJobs(Evacuee.newBuilder().setJob("j-second").setState(second))
                .addJobs(Evacuee.newBuilder().setJob("j-third").setState(third).setUnsavedMillis(System.nanoTime()))
                .build();
    }

    @Test
    void anEvacuationIsFollowedUntilTheMachineIsEmpty() {
        cluster.evacuations.add(evacuation(EvacueeState.ON_ITS_WAY, EvacueeState.STILL_THERE, EvacueeState.ELSEWHERE));
        cluster.evacuations.add(evacuation(EvacueeState.WAITS_FOR_ROOM, EvacueeState.STILL_THERE, EvacueeState.ELSEWHERE));
        cluster.evacuations.add(evacuation(EvacueeState.WAITS_FOR_ROOM, EvacueeState.ELSEWHERE, EvacueeState.ELSEWHERE));
        Ferry.Said said = ferry("evacuate", "node-1");
        assertThat(said.status()).isZero();
        assertThat(said.out()).contains("waiting for room: 1").containsOnlyOnce("j-third");
    }

    @Test
    void anEvacuationThatLosesAJobFails() {
        cluster.evacuations.add(evacuation(EvacueeState.STILL_THERE, EvacueeState.ELSEWHERE, EvacueeState.ELSEWHERE));
        cluster.evacuations.add(evacuation(EvacueeState.IS_LOST, EvacueeState.ELSEWHERE, EvacueeState.ELSEWHERE));
        Ferry.Said said = ferry("evacuate", "node-1", "-o", "json");
        assertThat(new JsonObject(said.out()).encode()).contains("IS_LOST");
        assertThat(said.status()).isEqualTo(1);
    }

    /** A hook would switch the machine off. */
    @Test
    void anEvacuationThatIsTakenBackFails() {
        cluster.evacuations.add(evacuation(EvacueeState.STILL_THERE, EvacueeState.ELSEWHERE, EvacueeState.ELSEWHERE));
        cluster.evacuations.add(evacuation(EvacueeState.STILL_THERE, EvacueeState.ELSEWHERE, EvacueeState.ELSEWHERE).toBuilder().setState(EvacuationState.TAKEN_BACK).setTakenBack(true).build());
        Ferry.Said said = ferry("evacuate", "node-1");
        assertThat(said.out()).contains("node-1: TAKEN_BACK, its machine is to stay", "still on it: 1 ('ferry evacuations e-1' shows them)");
        assertThat(said.status()).isEqualTo(status(ErrorCode.CANCELLED));
    }

    /** Before it began nobody has looked which jobs there are. */
    @Test
    void soDoesOneThatHasNotBegun() {
        Evacuation awaited = Evacuation.newBuilder().setId("e-1").setNode("node-1").setState(EvacuationState.AWAITED).build();
        cluster.evacuations.add(awaited);
        cluster.evacuations.add(awaited.toBuilder().setState(EvacuationState.TAKEN_BACK).setTakenBack(true).build());
        assertThat(ferry("evacuate", "node-1").status()).isEqualTo(status(ErrorCode.CANCELLED));
    }

    /** It goes on without whoever began it. */
    @Test
    void whoCanNotSeeAnEvacuationAnyMoreIsToldWhereToLook() {
        cluster.evacuations.add(evacuation(EvacueeState.STILL_THERE, EvacueeState.ELSEWHERE, EvacueeState.ELSEWHERE));
        Ferry.Said said = ferry("evacuate", "node-1");
        assertThat(said.error()).contains("evacuation e-1 goes on", "'ferry evacuations e-1'");
        assertThat(said.status()).isEqualTo(status(ErrorCode.DEADLINE_EXCEEDED));
    }

    @Test
    void aRebalanceOfWhichNothingIsBegunFails() {
        plans.moves = List.of();
        plans.refused = 2;
        for (String[] words : List.of(new String[] {"rebalance"}, new String[] {"rebalance", "--detach"})) {
            Ferry.Said said = ferry(words);
            assertThat(said.out()).contains("not begun: somebody else moves it");
            assertThat(said.status()).isEqualTo(status(ErrorCode.WRONG_STATE));
        }
        assertThat(ferry("rebalance", "--dry-run").status()).isZero();
        plans.moves = List.of("op-well");
        assertThat(ferry("rebalance").status()).isZero();
        plans.moves = List.of();
        plans.refused = 0;
        assertThat(ferry("rebalance").status()).isZero();
    }

    @Test
    void aDocumentOfARebalanceTellsHowItEnded() {
        JsonObject moved = new JsonObject(ferry("rebalance", "-o", "json").out());
        assertThat(moved.getJsonArray("operations").encode()).contains("FAILED_OPERATION", "op-well").doesNotContain("OPEN");
    }

    @Test
    void aJobThatIsNotDeletedKeepsNoOther() {
        Ferry.Said said = ferry("job", "delete", "j-busy", "j-free");
        assertThat(said.error()).contains("OPERATION_IN_PROGRESS");
        assertThat(said.out()).contains("j-free is deleted");
        assertThat(said.status()).isEqualTo(status(ErrorCode.OPERATION_IN_PROGRESS));
        assertThat(ferry("job", "delete", "j-busy", "-o", "json").out()).contains("OPERATION_IN_PROGRESS");
        cluster.asked.clear();
        assertThat(ferry("job", "delete", "j-silent", "j-free").status()).isEqualTo(status(ErrorCode.COORDINATOR_UNREACHABLE));
        assertThat(cluster.asked).containsExactly("j-silent");
    }

    @Test
    void norDoesOneOfWhichNothingCanBeEstimated() {
        Ferry.Said said = ferry("checkpoint", "--dry-run", "j-busy", "j-free");
        assertThat(said.error()).contains("OPERATION_IN_PROGRESS");
        assertThat(said.out()).isNotEmpty();
        assertThat(said.status()).isEqualTo(status(ErrorCode.OPERATION_IN_PROGRESS));
    }

    @Test
    void anOperationOfSomebodyElseIsWaitedFor() {
        for (String verb : List.of("cancel", "suspend")) {
            cluster.busyFor = 2;
            Ferry.Said said = ferry(verb, "j-busy");
            assertThat(said.error()).contains("operation op-busy on job j-busy has not ended, and is waited for");
            assertThat(said.status()).isZero();
        }
        cluster.busyFor = 100;
        assertThat(ferry("cancel", "j-busy").status()).isEqualTo(status(ErrorCode.OPERATION_IN_PROGRESS));
    }

    @Test
    void anOperationThatWasBegunElsewhereCanBeFollowed() {
        assertThat(ferry("operation", "watch", "op-well").out()).contains("op-well of job", "done in");
        assertThat(ferry("operation", "watch", "op-fails-1").status()).isEqualTo(status(ErrorCode.DUMP_FAILED));
    }

    private static final class Plans extends DecisionsGrpc.DecisionsImplBase {
        private List<String> moves = List.of("op-fails-1", "op-well", "op-fails-2");
        private int refused;

        @Override
        public void rebalance(RebalanceRequest request, StreamObserver<RebalancePlan> to) {
            RebalancePlan.Builder plan = RebalancePlan.newBuilder();
            moves.forEach(move -> plan.addLeaving(RebalancePlan.Move.newBuilder().setOperation(move)));
            for (int at = 0; at < refused && !request.getDryRun(); at++) {
                plan.addGains(RebalancePlan.Gain.newBuilder().addMoves(RebalancePlan.Move.newBuilder().setRefusal("somebody else moves it")));
            }
            to.onNext(plan.build());
            to.onCompleted();
        }
    }

    private static final class Cluster extends FerryGrpc.FerryImplBase {
        private final Deque<Evacuation> evacuations = new ArrayDeque<>();
        private Node after = Node.newBuilder().setName("node-1").setState(NodeState.DRAINED).build();
        private final List<String> asked = new CopyOnWriteArrayList<>();
        private List<String> moves = List.of("op-fails-1", "op-well");
        /** What was under way to the node when it was closed. */
        private List<Operation> coming = List.of();

        private int busyFor = 1;
        /** Where a job is when what has kept it busy has ended. */
        private String then = "node-1";
        private volatile String at = "node-1";

        private static Operation open(String id) {
            return Operation.newBuilder().setId(id).setJob(id + " of job").setKind(OperationKind.MIGRATE).setState(OperationState.OPEN).build();
        }

        private static Operation ended(String id) {
            Operation.Builder ended = open(id).toBuilder().setState(OperationState.SUCCEEDED);
            if (id.equals("op-saves")) {
                ended.addSteps(Step.newBuilder().setName("DUMP").setState(StepState.STEP_DONE));
            }
            return id.startsWith("op-fails") ? ended.setState(OperationState.FAILED_OPERATION).setError(new FerryException(ErrorCode.DUMP_FAILED, id + " can't").detail()).build() : ended.build();
        }

        private static <T> void answer(StreamObserver<T> to, T answer) {
            to.onNext(answer);
            to.onCompleted();
        }

        private <T> void direct(String job, StreamObserver<T> to, T answer) {
            asked.add(job);
            switch (job) {
                case "j-silent" -> to.onError(Status.UNAVAILABLE.asRuntimeException());
                case "j-busy" -> to.onError(ErrorTransport.toStatus(new FerryException(ErrorCode.OPERATION_IN_PROGRESS, "Operation op-busy on job j-busy has not ended")));
                default -> answer(to, answer);
            }
        }

        @Override
        public void deleteJob(DeleteJobRequest request, StreamObserver<DeletedJob> to) {
            direct(request.getJob(), to, DeletedJob.newBuilder().setJob(Job.newBuilder().setId(request.getJob())).build());
        }

        @Override
        public void estimateCheckpoint(CheckpointJobRequest request, StreamObserver<CheckpointEstimate> to) {
            direct(request.getJob(), to, CheckpointEstimate.getDefaultInstance());
        }

        private void begin(String job, StreamObserver<Operation> to) {
            asked.add(job);
            if (job.equals("j-silent")) {
                to.onError(Status.UNAVAILABLE.asRuntimeException());
                return;
            }
            if (!job.equals("j-busy")) {
                answer(to, open("op-" + job));
                return;
            }
            busyFor--;
            if (busyFor >= 0) {
                to.onError(ErrorTransport.toStatus(new FerryException(ErrorCode.OPERATION_IN_PROGRESS, "Operation op-busy on job j-busy has not ended")));
            } else {
                answer(to, open("op-late"));
            }
        }

        @Override
        public void drainNode(GetNodeRequest request, StreamObserver<DrainNodeResponse> to) {
            Node node = Node.newBuilder().setName("node-1").setState(NodeState.DRAINING).addAllJobs(List.of("op-fails-1 of job", "op-well of job", "j-busy")).build();
            answer(to, DrainNodeResponse.newBuilder().setNode(node).addAllOperations(moves.stream().map(Cluster::open).toList()).build());
        }

        @Override
        public void listOperations(ListOperationsRequest request, StreamObserver<ListOperationsResponse> to) {
            answer(to, ListOperationsResponse.newBuilder().addAllOperations(coming).build());
        }

        @Override
        public void migrateJob(MigrateJobRequest request, StreamObserver<Operation> to) {
            begin(request.getJob(), to);
        }

        @Override
        public void cancelJob(CancelJobRequest request, StreamObserver<Operation> to) {
            begin(request.getJob(), to);
        }

        @Override
        public void checkpointJob(CheckpointJobRequest request, StreamObserver<Operation> to) {
            begin(request.getJob(), to);
        }

        @Override
        public void suspendJob(SuspendJobRequest request, StreamObserver<Operation> to) {
            begin(request.getJob(), to);
        }

        @Override
        public void getJob(GetJobRequest request, StreamObserver<Job> to) {
            answer(to, Job.newBuilder().setId(request.getJob()).setNode(at).setOperation("op-busy").build());
        }

        @Override
        public void getNode(GetNodeRequest request, StreamObserver<Node> to) {
            answer(to, after);
        }

        @Override
        public void getOperation(GetOperationRequest request, StreamObserver<Operation> to) {
            answer(to, open(request.getOperation()));
        }

        @Override
        public void watchOperation(GetOperationRequest request, StreamObserver<Operation> to) {
            if (request.getOperation().equals("op-busy")) {
                asked.add("op-busy is waited for");
                at = then;
            }
            if (request.getOperation().equals("op-j-unseen")) {
                to.onError(ErrorTransport.toStatus(new FerryException(ErrorCode.OPERATION_NOT_FOUND, "There is no operation op-j-unseen")));
            } else {
                answer(to, ended(request.getOperation()));
            }
        }

        @Override
        public void evacuateNode(EvacuateNodeRequest request, StreamObserver<Evacuation> to) {
            answer(to, evacuations.remove());
        }

        @Override
        public void getEvacuation(GetEvacuationRequest request, StreamObserver<Evacuation> to) {
            if (evacuations.isEmpty()) {
                to.onError(ErrorTransport.toStatus(new FerryException(ErrorCode.DEADLINE_EXCEEDED, "Nothing more is known")));
            } else {
                answer(to, evacuations.size() > 1 ? evacuations.remove() : evacuations.element());
            }
        }
    }
}
