package dev.ferry.cli.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.cli.Client;
import dev.ferry.cli.StandInCoordinator;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.GetOperationRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListJobsRequest;
import dev.ferry.proto.v1.ListJobsResponse;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.SuspendJobRequest;
import io.grpc.stub.StreamObserver;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What goes on at the next start is what this stop suspended. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class StopOfJobsTest {
    private static final Job RUNNING = Job.newBuilder().setId("j-aaaaaaaa").setState(JobState.RUNNING).build();
    private static final Job SUSPENDED = RUNNING.toBuilder().setState(JobState.SUSPENDED).build();

    @TempDir private Path folder;
    private final OneJob service = new OneJob();

    private String goesOn() throws Exception {
        try (StandInCoordinator coordinator = StandInCoordinator.of(service);
                Client client = new Client(coordinator.address())) {
            new StopOfJobs(client, folder).suspend();
        }
        Path list = folder.resolve("suspended-at-stop");
        return Files.exists(list) ? Files.readString(list) : "";
    }

    @Test
    void oneThatIsSuspended() throws Exception {
        assertThat(goesOn()).isEqualTo("j-aaaaaaaa");
    }

    /** The coordinator did it, and went away before it could say so: asked again, it finds the job suspended. */
    @Test
    void oneThatIsFoundSuspendedWhenAskedAgain() throws Exception {
        service.refusal = ErrorCode.WRONG_STATE;
        service.then = SUSPENDED;
        assertThat(goesOn()).isEqualTo("j-aaaaaaaa");
    }

    @Test
    void oneWhoseSuspensionIsFoundOpenWhenAskedAgain() throws Exception {
        service.refusal = ErrorCode.OPERATION_IN_PROGRESS;
        service.then = RUNNING.toBuilder().setOperation("op-before").build();
        assertThat(goesOn()).isEqualTo("j-aaaaaaaa");
    }

    @Test
    void notOneThatAnOperatorSuspends() throws Exception {
        busyWith(OperationKind.SUSPEND, SUSPENDED);
        assertThat(goesOn()).isEmpty();
        assertThat(service.asked).isEqualTo(1);
    }

    /** As each one is that is saved periodically. */
    @Test
    void oneThatIsSavedAtThisMoment() throws Exception {
        busyWith(OperationKind.CHECKPOINT, RUNNING);
        assertThat(goesOn()).isEqualTo("j-aaaaaaaa");
        assertThat(service.asked).isEqualTo(2);
    }

    private void busyWith(OperationKind kind, Job after) {
        service.listed = RUNNING.toBuilder().setOperation("op-before").build();
        service.then = service.listed;
        service.refusal = ErrorCode.OPERATION_IN_PROGRESS;
        service.kind = kind;
        service.after = after;
    }

    private static final class OneJob extends FerryGrpc.FerryImplBase {
        private Job listed = RUNNING;
        /** As it is when it was refused. */
        private Job then = RUNNING;
        /** As it is when what was at work on it has ended. */
        private Job after = SUSPENDED;
        private ErrorCode refusal = ErrorCode.ERROR_CODE_UNSPECIFIED;
        private OperationKind kind = OperationKind.SUSPEND;
        private int asked;

        private static <T> void answer(StreamObserver<T> to, T answer) {
            to.onNext(answer);
            to.onCompleted();
        }

        @Override
        public void listJobs(ListJobsRequest request, StreamObserver<ListJobsResponse> to) {
            answer(to, ListJobsResponse.newBuilder().addJobs(listed).build());
        }

        @Override
        public void getJob(GetJobRequest request, StreamObserver<Job> to) {
            answer(to, then);
        }

        @Override
        public void suspendJob(SuspendJobRequest request, StreamObserver<Operation> to) {
            asked++;
            if (refusal != ErrorCode.ERROR_CODE_UNSPECIFIED) {
                to.onError(ErrorTransport.toStatus(new FerryException(refusal, "Job j-aaaaaaaa is at something else")));
                return;
            }
            answer(to, Operation.newBuilder().setId("op-suspends").setJob("j-aaaaaaaa").setState(OperationState.OPEN).build());
        }

        @Override
        public void getOperation(GetOperationRequest request, StreamObserver<Operation> to) {
            answer(to, Operation.newBuilder().setId(request.getOperation()).setJob("j-aaaaaaaa").setKind(kind).setState(OperationState.OPEN).build());
        }

        @Override
        public void watchOperation(GetOperationRequest request, StreamObserver<Operation> to) {
            then = after;
            refusal = ErrorCode.ERROR_CODE_UNSPECIFIED;
            answer(to, Operation.newBuilder().setId(request.getOperation()).setJob("j-aaaaaaaa").setKind(kind).setState(OperationState.SUCCEEDED).build());
        }
    }
}
