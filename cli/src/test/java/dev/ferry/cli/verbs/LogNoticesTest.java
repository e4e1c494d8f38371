package dev.ferry.cli.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.ferry.cli.Ferry;
import dev.ferry.cli.StandInCoordinator;
import dev.ferry.common.Errors;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.LogChunk;
import dev.ferry.proto.v1.ReadLogRequest;
import dev.ferry.proto.v1.RunJobRequest;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is said beside a log. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class LogNoticesTest {
    private static final int NODE_DOWN = Errors.meaning(ErrorCode.NODE_DOWN).getExitStatus();

    private static Ferry.Said say(String... words) throws Exception {
        try (StandInCoordinator coordinator = StandInCoordinator.of(new Part())) {
            // Behind the verb: what follows -- is the job's.
            List<String> all = new ArrayList<>(List.of(words));
            all.addAll(1, List.of("--server", coordinator.address()));
            return Ferry.ferry(all.toArray(String[]::new));
        }
    }

    @Test
    void noticesGoToStandardErrorAndNotIntoTheLog() throws Exception {
        Ferry.Said said = say("logs", "-f", "train");
        assertThat(said.out()).isEqualTo("step 1\nstep 2\n");
        assertThat(said.error()).startsWith("ferry: node node-2 is down\n").contains("NODE_DOWN");
        assertThat(said.status()).isEqualTo(NODE_DOWN);
    }

    @Test
    void theTailOfWhatThereIsIsPrintedBeforeTheRestIsMissed() throws Exception {
        Ferry.Said said = say("logs", "--tail", "1", "train");
        assertThat(said.out()).isEqualTo("step 2\n");
        assertThat(said.status()).isEqualTo(NODE_DOWN);
    }

    @Test
    void aRunEndsAsItsJobDoesThoughItsLogIsNotWhole() throws Exception {
        Ferry.Said said = say("run", "--follow", "--", "true");
        assertThat(said.error()).contains("NODE_DOWN");
        assertThat(said.status()).isEqualTo(3);
    }

    private static final class Part extends FerryGrpc.FerryImplBase {
        private static final Job EXITED = Job.newBuilder().setId("j-aaaaaaaa").setState(JobState.EXITED).setExitStatus(3).build();

        private static void answer(StreamObserver<Job> to) {
            to.onNext(EXITED);
            to.onCompleted();
        }

        @Override
        public void runJob(RunJobRequest request, StreamObserver<Job> to) {
            answer(to);
        }

        @Override
        public void getJob(GetJobRequest request, StreamObserver<Job> to) {
            answer(to);
        }

        @Override
        public void watchJob(GetJobRequest request, StreamObserver<Job> to) {
            answer(to);
        }

        @Override
        public void readLog(ReadLogRequest request, StreamObserver<LogChunk> to) {
            to.onNext(LogChunk.newBuilder().setData(ByteString.copyFromUtf8("step 1\nstep 2\n")).build());
            if (request.getFollow()) {
                to.onNext(LogChunk.newBuilder().setOffset(14).setNotice("node node-2 is down").build());
            }
            to.onError(ErrorTransport.toStatus(new FerryException(ErrorCode.NODE_DOWN, "Node node-2 does not send the log")));
        }
    }
}
