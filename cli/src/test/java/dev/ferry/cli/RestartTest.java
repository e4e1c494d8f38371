package dev.ferry.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.CancelJobRequest;
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
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The only coordinator is started again while a command follows something. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class RestartTest {
    private static final String LOG = "first second";
    private static final Access ANYONE = new Access(Optional.empty(), Optional.empty(), false, Optional.empty());

    private final Heard out = new Heard();
    private final Heard error = new Heard();
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
        return CompletableFuture.supplyAsync(() -> Ferry.ferry(out, error, words));
    }

    private void restart() throws Exception {
        service.asked.take();
        startAgain();
    }

    private void startAgain() throws Exception {
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
        error.await("is lost");
        startAgain();
        assertThat(said.get().status()).isEqualTo(5);
    }

    @Test
    void aLogGoesOnBehindWhatHasCome() throws Exception {
        CompletableFuture<Ferry.Said> said = begin("logs", "-f", "train", "--server", coordinator.address());
        out.await("first");
        startAgain();
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
            assertThat(client.look(stub -> stub.getJob(GetJobRequest.getDefaultInstance())).getId()).isEqualTo("j-aaaaaaaa");
            CompletableFuture<Operation> begun = CompletableFuture.supplyAsync(() -> client.ask(stub -> stub.cancelJob(CancelJobRequest.getDefaultInstance())));
            restart();
            assertFailed(begun, ErrorCode.COORDINATOR_UNREACHABLE);
            assertThat(service.cancels).hasValue(1);
        }
    }

    /** Whoever submits a job again would have two. */
    @Test
    void whatMayBeDoneIsNotSaidToHaveFoundNobody() throws Exception {
        CompletableFuture<Ferry.Said> said = begin("cancel", "train", "--server", coordinator.address());
        service.asked.take();
        coordinator.kill();
        assertThat(said.get().error()).contains("COORDINATOR_UNREACHABLE", "it may have been done", "ferry ps", "ferry operations").doesNotContain("ferry up");
        Ferry.Said nobody = Ferry.ferry("cancel", "train", "--server", coordinator.address());
        assertThat(nobody.error()).contains("COORDINATOR_UNREACHABLE", "ferry up").doesNotContain("may have been done");
    }

    private static void assertFailed(CompletableFuture<?> asked, ErrorCode code) {
        assertThatThrownBy(asked::get).cause().isInstanceOfSatisfying(FerryException.class, failed -> assertThat(failed.code()).isEqualTo(code));
    }

    /** A job may print nothing for days. */
    @Test
    void aStreamThatHasSaidNothingGoesOnToo() throws Exception {
        Duration shorter = Duration.ofSeconds(5);
        try (Client client = new Client(coordinator.address(), ANYONE, shorter, shorter)) {
            CompletableFuture<Job> last = CompletableFuture.supplyAsync(() -> client.follow(stub -> stub.watchJob(GetJobRequest.newBuilder().setJob("quiet").build()), now -> {}));
            service.asked.take();
            // It counts as an answer by the time that it stands.
            Thread.sleep(shorter.plusMillis(200));
            startAgain();
            assertThat(last.get().getState()).isEqualTo(JobState.EXITED);
        }
    }

    /** An evacuation is looked at for hours. */
    @Test
    void aLookThatIsNotAnsweredInTimeIsRepeated() {
        try (Client client = new Client(coordinator.address(), ANYONE, Duration.ofSeconds(10), Duration.ofMillis(500))) {
            Job ignored = client.look(stub -> stub.getJob(GetJobRequest.getDefaultInstance()));
            service.stalls.set(2);
            assertThat(client.look(stub -> stub.getJob(GetJobRequest.getDefaultInstance())).getId()).isEqualTo("j-aaaaaaaa");
            assertThat(service.stalls).hasNegativeValue();
        }
    }

    @Test
    void butNotForEver() {
        try (Client client = new Client(coordinator.address(), ANYONE, Duration.ofSeconds(1), Duration.ofMillis(1200))) {
            Job ignored = client.look(stub -> stub.getJob(GetJobRequest.getDefaultInstance()));
            service.stalls.set(1000);
            assertThatThrownBy(() -> client.look(stub -> stub.getJob(GetJobRequest.getDefaultInstance()))).isInstanceOfSatisfying(FerryException.class, failed -> assertThat(failed.code()).isEqualTo(ErrorCode.DEADLINE_EXCEEDED));
            assertThat(service.stalls).hasValueGreaterThan(990);
        }
    }

    /** What goes on in the background would ask for a minute, and open connections that nobody closes. */
    @Test
    void whatIsStillAskedEndsWithItsClient() throws Exception {
        CompletableFuture<Job> asked;
        try (Client client = new Client(coordinator.address())) {
            asked = CompletableFuture.supplyAsync(() -> client.follow(stub -> stub.watchJob(GetJobRequest.newBuilder().setJob("train").build()), now -> error.println("told")));
            error.await("told");
        }
        assertFailed(asked.orTimeout(10, TimeUnit.SECONDS), ErrorCode.CANCELLED);
    }

    /** What is said, as it is said. */
    private static final class Heard extends ByteArrayOutputStream {
        @Override
        public synchronized void write(byte[] bytes, int from, int length) {
            super.write(bytes, from, length);
            notifyAll();
        }

        synchronized void println(String line) {
            write(line.getBytes(StandardCharsets.UTF_8), 0, line.length());
        }

        synchronized void await(String text) throws InterruptedException {
            while (!toString(StandardCharsets.UTF_8).contains(text)) {
                wait();
            }
        }
    }

    private static final class Restarted extends FerryGrpc.FerryImplBase {
        private final BlockingQueue<String> asked = new LinkedBlockingQueue<>();
        private final AtomicInteger cancels = new AtomicInteger();
        /** So many looks are not answered. */
        private final AtomicInteger stalls = new AtomicInteger();
        private volatile boolean again;

        @Override
        public void getJob(GetJobRequest request, StreamObserver<Job> to) {
            if (stalls.getAndDecrement() > 0) {
                return;
            }
            to.onNext(Job.newBuilder().setId("j-aaaaaaaa").setState(JobState.RUNNING).build());
            to.onCompleted();
        }

        /** It is not known whether the first one is done. */
        @Override
        public void cancelJob(CancelJobRequest request, StreamObserver<Operation> to) {
            if (cancels.incrementAndGet() == 1) {
                asked.add("no answer");
            } else {
                to.onNext(Operation.newBuilder().setId("op-bbbbbbbb").build());
                to.onCompleted();
            }
        }

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
            if (again || !request.getJob().equals("quiet")) {
                to.onNext(Job.newBuilder().setId("j-aaaaaaaa").setState(again ? JobState.EXITED : JobState.LOST).setOperation("op-aaaaaaaa").setExitStatus(5).build());
            }
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
