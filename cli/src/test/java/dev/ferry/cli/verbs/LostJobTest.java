package dev.ferry.cli.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.ferry.cli.Ferry;
import dev.ferry.cli.StandInCoordinator;
import dev.ferry.common.Errors;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.LogChunk;
import dev.ferry.proto.v1.Proof;
import dev.ferry.proto.v1.ProofKind;
import dev.ferry.proto.v1.ReadLogRequest;
import dev.ferry.proto.v1.RunJobRequest;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A job whose processes are gone has ended only if nobody brings it back. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class LostJobTest {
    private static final Job LOST = Job.newBuilder().setId("j-aaaaaaaa").setState(JobState.LOST).setReason("node-1 is gone").build();
    private static final Job WITH_IMAGE = LOST.toBuilder().setLatestImage("j-aaaaaaaa.1").build();
    private static final Job QUEUED = WITH_IMAGE.toBuilder().setQueue(JobQueue.newBuilder().setComesBack(true).setAnywhere(true)).build();
    private static final Job EXITED = Job.newBuilder().setId("j-aaaaaaaa").setState(JobState.EXITED).setExitStatus(3).build();

    private static Ferry.Said waitFor(Told told) throws Exception {
        try (StandInCoordinator coordinator = StandInCoordinator.of(told)) {
            return Ferry.ferry("wait", "train", "--server", coordinator.address());
        }
    }

    @Test
    void oneThatWaitsToBeRestoredHasNotEnded() throws Exception {
        Job cloud = WITH_IMAGE.toBuilder().setProof(Proof.newBuilder().setKind(ProofKind.PROOF_CLOUD)).build();
        Job restored = LOST.toBuilder().setOperation("op-aaaaaaaa").build();
        for (Job back : List.of(QUEUED, cloud, restored)) {
            Ferry.Said said = waitFor(new Told(List.of(back, back, EXITED), EXITED));
            assertThat(said.status()).isEqualTo(3);
            assertThat(said.error()).containsOnlyOnce("is lost (node-1 is gone), and " + (back.getLatestImage().isEmpty() ? "is brought back by operation op-aaaaaaaa" : "waits to be restored from image j-aaaaaaaa.1"));
        }
    }

    /** An evacuation sees a moment later than this that its machine is gone. */
    @Test
    void oneThatIsPutInTheQueueAMomentLaterHasNotEnded() throws Exception {
        assertThat(waitFor(new Told(List.of(WITH_IMAGE, EXITED), QUEUED)).status()).isEqualTo(3);
    }

    /** While the coordinator was away nobody could see that the job is lost. */
    @Test
    void aLookThatTookARestartIsNotTheLast() throws Exception {
        Told told = new Told(List.of(WITH_IMAGE, EXITED), QUEUED);
        told.late = Optional.of(WITH_IMAGE);
        assertThat(waitFor(told).status()).isEqualTo(3);
    }

    @Test
    void oneThatNobodyBringsBackHasEnded() throws Exception {
        for (Job lost : List.of(LOST, WITH_IMAGE)) {
            Ferry.Said said = waitFor(new Told(List.of(lost), lost));
            assertThat(said.status()).isEqualTo(Errors.meaning(ErrorCode.JOB_LOST).getExitStatus());
            assertThat(said.error()).contains("node-1 is gone", "JOB_LOST");
        }
    }

    /** The log of a lost job has no end: it would go on if an operator restored it. */
    @Test
    void whoFollowsARunIsToldThatItIsLost() throws Exception {
        Told told = new Told(List.of(LOST), LOST);
        told.logFirst = true;
        try (StandInCoordinator coordinator = StandInCoordinator.of(told)) {
            Ferry.Said said = Ferry.ferry("run", "--follow", "--server", coordinator.address(), "--", "true");
            assertThat(said.status()).isEqualTo(Errors.meaning(ErrorCode.JOB_LOST).getExitStatus());
            assertThat(said.out()).isEqualTo("its last word");
        }
    }

    private static final class Told extends FerryGrpc.FerryImplBase {
        private final List<Job> told;
        private final Job then;
        private final CountDownLatch logRead = new CountDownLatch(1);
        private boolean logFirst;
        /** What the first look at the lost job is answered, after longer than it may take to see that. */
        private Optional<Job> late = Optional.empty();
        private int looks;
        private int watches;

        Told(List<Job> told, Job then) {
            this.told = told;
            this.then = then;
        }

        @Override
        public void runJob(RunJobRequest request, StreamObserver<Job> to) {
            to.onNext(LOST);
            to.onCompleted();
        }

        /** A second watch begins with the last that there is to tell. */
        @Override
        public void watchJob(GetJobRequest request, StreamObserver<Job> to) {
            if (logFirst) {
                awaitLog();
            }
            (watches == 0 ? told : List.of(told.getLast())).forEach(to::onNext);
            watches++;
        }

        /** Else what is followed would have an end before its log was asked for. */
        private void awaitLog() {
            try {
                boolean ignored = logRead.await(1, TimeUnit.MINUTES);
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public void getJob(GetJobRequest request, StreamObserver<Job> to) {
            looks++;
            // The first one is for the job's id.
            boolean first = looks == 2 && late.isPresent();
            if (first) {
                LockSupport.parkNanos(Duration.ofMillis(5100).toNanos());
            }
            to.onNext(first ? late.get() : then);
            to.onCompleted();
        }

        @Override
        public void readLog(ReadLogRequest request, StreamObserver<LogChunk> to) {
            to.onNext(LogChunk.newBuilder().setData(ByteString.copyFromUtf8("its last word")).build());
            logRead.countDown();
        }
    }
}
