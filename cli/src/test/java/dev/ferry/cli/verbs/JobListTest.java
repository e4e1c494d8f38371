package dev.ferry.cli.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.cli.Ferry;
import dev.ferry.cli.StandInCoordinator;
import dev.ferry.common.Errors;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.DeleteImageResponse;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.GetOperationRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListJobsRequest;
import dev.ferry.proto.v1.ListJobsResponse;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.ListOperationsResponse;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Retention;
import io.grpc.stub.StreamObserver;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Which of many jobs are meant. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class JobListTest {
    private static final List<Job> JOBS = List.of(job("j-ada", "ada", "physics", "node-1", JobState.RUNNING), job("j-bob", "bob", "maths", "node-2", JobState.SUSPENDED), job("j-eve", "eve", "maths", "node-2", JobState.CANCELLED_JOB));

    private final Answers answers = new Answers();
    private StandInCoordinator coordinator;

    private static Job job(String id, String user, String account, String node, JobState state) {
        JobSpec spec = JobSpec.newBuilder().setTimeLimitSeconds(7200).setCheckpointEvery("10m").setRetention(Retention.newBuilder().setLast(3)).addCommand("sh").addCommand("-c").addCommand("sleep 5").build();
        return Job.newBuilder().setId(id).setSpec(spec).setNode(node).setState(state).setQueue(JobQueue.newBuilder().setUser(user).setAccount(account).setQos("high").setPartition("fast")).build();
    }

    @BeforeEach
    void open() throws Exception {
        coordinator = StandInCoordinator.of(answers);
    }

    @AfterEach
    void close() {
        coordinator.close();
    }

    private Ferry.Said ferry(String... words) {
        return Ferry.ferry(Stream.concat(Stream.of(words), Stream.of("--server", coordinator.address())).toArray(String[]::new));
    }

    @Test
    void aListHoldsWhatIsAskedFor() {
        assertThat(ferry("ps").out()).contains("USER", "j-ada", "j-bob").doesNotContain("j-eve");
        assertThat(ferry("ps", "--user", "ada").out()).contains("j-ada").doesNotContain("j-bob");
        assertThat(ferry("ps", "--account", "maths").out()).contains("j-bob").doesNotContain("j-ada");
        assertThat(ferry("ps", "--node", "node-1").out()).contains("j-ada").doesNotContain("j-bob");
        assertThat(ferry("ps", "--state", "suspended").out()).contains("j-bob").doesNotContain("j-ada");
        assertThat(ferry("ps", "--state", "cancelled").out()).contains("j-eve").doesNotContain("j-bob");
        assertThat(new JsonObject(ferry("ps", "--user", "bob", "-o", "json").out()).getJsonArray("jobs")).hasSize(1);
    }

    @Test
    void oneIsShownWithWhatHoldsForIt() {
        assertThat(ferry("show", "j-ada").out()).contains("ada", "physics", "high", "fast", "sh -c 'sleep 5'", "2h 0m", "10m", "the 3 newest images");
    }

    /** Also where no table is. */
    @Test
    void whatOthersWroteGivesTheTerminalNoOrders() {
        assertThat(ferry("operation", "show", "op-aaaaaaaa").out()).contains("asked by ?[2Jada at").doesNotContain("\u001b");
    }

    @Test
    void aListThatIsCutSaysSo() {
        assertThat(ferry("operations").out()).contains("only the newest 200");
        assertThat(ferry("operations", "--open").out()).doesNotContain("only the newest");
    }

    /** The one in the middle is refused. */
    @Test
    void severalAreTakenThoughOneIsRefused() {
        Ferry.Said cancelled = ferry("cancel", "j-ada", "j-none", "j-bob");
        assertThat(cancelled.out()).contains("op-j-ada", "op-j-bob");
        assertThat(cancelled.error()).contains("JOB_NOT_FOUND");
        assertThat(cancelled.status()).isEqualTo(Errors.meaning(ErrorCode.JOB_NOT_FOUND).getExitStatus());
        Ferry.Said deleted = ferry("image", "delete", "j-ada.1", "j-none.1", "j-bob.1");
        assertThat(deleted.out()).contains("j-ada.1 deleted", "j-bob.1 deleted");
        assertThat(deleted.status()).isEqualTo(Errors.meaning(ErrorCode.IMAGE_NOT_FOUND).getExitStatus());
    }

    @Test
    void aWaitHasAnEnd() {
        Ferry.Said said = ferry("wait", "j-ada", "--timeout", "200ms");
        assertThat(said.error()).contains("Job j-ada has not ended within 200ms");
        assertThat(said.status()).isEqualTo(Errors.meaning(ErrorCode.DEADLINE_EXCEEDED).getExitStatus());
    }

    @Test
    void whoDeclaresANodeDeadIsToldHow() {
        assertThat(ferry("node", "declare-dead", "node-1").error()).contains("--i-have-checked");
    }

    private static <T> void answer(StreamObserver<T> to, T answer) {
        to.onNext(answer);
        to.onCompleted();
    }

    private static final class Answers extends FerryGrpc.FerryImplBase {
        @Override
        public void listJobs(ListJobsRequest request, StreamObserver<ListJobsResponse> to) {
            answer(to, ListJobsResponse.newBuilder().addAllJobs(request.getAll() ? JOBS : JOBS.subList(0, 2)).build());
        }

        @Override
        public void getJob(GetJobRequest request, StreamObserver<Job> to) {
            answer(to, JOBS.getFirst());
        }

        /** It runs on. */
        @Override
        public void watchJob(GetJobRequest request, StreamObserver<Job> to) {
            to.onNext(JOBS.getFirst());
        }

        @Override
        public void listOperations(ListOperationsRequest request, StreamObserver<ListOperationsResponse> to) {
            ListOperationsResponse.Builder operations = ListOperationsResponse.newBuilder();
            for (int one = 0; one < 200; one++) {
                operations.addOperations(Operation.newBuilder().setId("op-" + one).setState(OperationState.SUCCEEDED));
            }
            answer(to, operations.build());
        }

        @Override
        public void cancelJob(CancelJobRequest request, StreamObserver<Operation> to) {
            if (request.getJob().equals("j-none")) {
                to.onError(ErrorTransport.toStatus(new FerryException(ErrorCode.JOB_NOT_FOUND, "There is no job j-none")));
            } else {
                answer(to, Operation.newBuilder().setId("op-" + request.getJob()).setState(OperationState.OPEN).build());
            }
        }

        @Override
        public void getOperation(GetOperationRequest request, StreamObserver<Operation> to) {
            answer(to, Operation.newBuilder().setId(request.getOperation()).setCause("\u001b[2Jada").setStartedAt(1).build());
        }

        @Override
        public void watchOperation(GetOperationRequest request, StreamObserver<Operation> to) {
            answer(to, Operation.newBuilder().setId(request.getOperation()).setState(OperationState.SUCCEEDED).build());
        }

        @Override
        public void deleteImage(GetImageRequest request, StreamObserver<DeleteImageResponse> to) {
            if (request.getImage().equals("j-none.1")) {
                to.onError(ErrorTransport.toStatus(new FerryException(ErrorCode.IMAGE_NOT_FOUND, "There is no image j-none.1")));
            } else {
                answer(to, DeleteImageResponse.newBuilder().setImage(request.getImage()).build());
            }
        }
    }
}
