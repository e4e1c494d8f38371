package dev.ferry.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.GetOperationRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.LogChunk;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.ReadLogRequest;
import dev.ferry.proto.v1.SuspendJobRequest;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The only coordinator is started again while a command follows something. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class RestartTest {
    private static final String LOG = "first second";

    private final Restarted service = new Restarted();
    private StandInCoordinator coordinator;

    @BeforeEach
    void open() throws Exception {
        coordinator = StandInCoordinator.of(service);
    }

    @AfterEach
    void close() {
        coordinator.close();
    }

    private CompletableFuture<Ferry.Said> begin(String... words) {
        return CompletableFuture.supplyAsync(() -> Ferry.ferry(words));
    }

    private void restart() throws Exception {
        service.asked.take();
        coordinator.kill();
        service.again = true;
        coordinator.startAgain();
    }

    @Test
    void anOperationIsFollowedToItsEnd() throws Exception {
        CompletableFuture<Ferry.Said> said = begin("suspend", "train", "--server", coordinator.address());
        restart();
        assertThat(said.get().error()).isEmpty();
        assertThat(said.get().status()).isZero();
    }

    @Test
    void aJobIsWaitedForToItsEnd() throws Exception {
        CompletableFuture<Ferry.Said> said = begin("wait", "train", "--server", coordinator.address());
        restart();
        assertThat(said.get().status()).isEqualTo(5);
    }

    @Test
    void aLogGoesOnBehindWhatHasCome() throws Exception {
        CompletableFuture<Ferry.Said> said = begin("logs", "-f", "train", "--server", coordinator.address());
        restart();
        assertThat(said.get().out()).isEqualTo(LOG);
    }

    /** An address at which nobody has ever answered is more likely to be a wrong one. */
    @Test
    void whoHasNeverAnsweredIsNotWaitedFor() throws Exception {
        coordinator.kill();
        assertThat(Ferry.ferry("wait", "train", "--server", coordinator.address()).error()).contains("COORDINATOR_UNREACHABLE");
    }

    /** Whether it was done is not known. */
    @Test
    void whatChangesSomethingIsNotAskedTwice() throws Exception {
        try (Client client = new Client(coordinator.address())) {
            assertThat(client.ask(stub -> stub.suspendJob(SuspendJobRequest.getDefaultInstance())).getId()).isEqualTo("op-aaaaaaaa");
            coordinator.kill();
            assertThatThrownBy(() -> client.ask(stub -> stub.suspendJob(SuspendJobRequest.getDefaultInstance()))).isInstanceOfSatisfying(FerryException.class, failed -> assertThat(failed.code()).isEqualTo(ErrorCode.COORDINATOR_UNREACHABLE));
        }
    }

    private static final class Restarted extends FerryGrpc.FerryImplBase {
        private final BlockingQueue<String> asked = new LinkedBlockingQueue<>();
        private volatile boolean again;

        @Override
        public void suspendJob(SuspendJobRequest request, StreamObserver<Operation> to) {
            to.onNext(Operation.newBuilder().setId("op-aaaaaaaa").setState(OperationState.OPEN).build());
            to.onCompleted();
        }

        @Override
        public void watchOperation(GetOperationRequest request, StreamObserver<Operation> to) {
            to.onNext(Operation.newBuilder().setId(request.getOperation()).setState(again ? OperationState.SUCCEEDED : OperationState.OPEN).build());
            end(to);
        }

        @Override
        public void watchJob(GetJobRequest request, StreamObserver<Job> to) {
            to.onNext(Job.newBuilder().setId("j-aaaaaaaa").setState(again ? JobState.EXITED : JobState.RUNNING).setExitStatus(5).build());
            end(to);
        }

        @Override
        public void readLog(ReadLogRequest request, StreamObserver<LogChunk> to) {
            String rest = LOG.substring((int) request.getOffset());
            to.onNext(LogChunk.newBuilder().setOffset(request.getOffset()).setData(ByteString.copyFromUtf8(again ? rest : rest.substring(0, 6))).build());
            end(to);
        }

        private void end(StreamObserver<?> to) {
            if (again) {
                to.onCompleted();
            } else {
                asked.add("the stream stays open");
            }
        }
    }
}
