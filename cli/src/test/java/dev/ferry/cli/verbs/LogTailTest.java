package dev.ferry.cli.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.ferry.cli.Ferry;
import dev.ferry.cli.StandInCoordinator;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.LogChunk;
import dev.ferry.proto.v1.ReadLogRequest;
import io.grpc.stub.StreamObserver;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class LogTailTest {
    private static String tail(int lines, String... pieces) {
        LogTail tail = new LogTail(lines);
        for (String piece : pieces) {
            tail.add(ByteString.copyFromUtf8(piece));
        }
        return new String(tail.bytes(), StandardCharsets.UTF_8);
    }

    @Test
    void linesAreCountedFromTheEnd() {
        assertThat(tail(2, "one\ntw", "o\nthree\n")).isEqualTo("two\nthree\n");
        assertThat(tail(2, "one\ntwo\nthree")).isEqualTo("two\nthree");
        assertThat(tail(1, "one\n\n")).isEqualTo("\n");
        assertThat(tail(9, "one\ntwo\n")).isEqualTo("one\ntwo\n");
        assertThat(tail(0, "one\ntwo")).isEmpty();
        assertThat(tail(3)).isEmpty();
    }

    @Test
    void aLargeLogTakesLittleMemory() {
        String[] pieces = new String[200];
        for (int one = 0; one < pieces.length; one++) {
            pieces[one] = ("x".repeat(99) + "\n").repeat(1000) + "piece " + one + "\n";
        }
        assertThat(tail(1, pieces)).isEqualTo("piece 199\n");
        assertThat(tail(5, "y".repeat(20 << 20))).hasSize(8 << 20);
    }

    @Test
    void whatFollowsComesBehindIt() throws Exception {
        try (StandInCoordinator coordinator = StandInCoordinator.of(new Log())) {
            assertThat(Ferry.ferry("logs", "--tail", "1", "train", "--server", coordinator.address()).out()).isEqualTo("two\n");
            assertThat(Ferry.ferry("logs", "--tail", "1", "-f", "train", "--server", coordinator.address()).out()).isEqualTo("two\nbehind 8");
        }
    }

    @Test
    void whoFollowsGoesOnWhereTheNodeIsDown() throws Exception {
        Log log = new Log();
        log.down = true;
        try (StandInCoordinator coordinator = StandInCoordinator.of(log)) {
            assertThat(Ferry.ferry("logs", "--tail", "1", "train", "--server", coordinator.address()).error()).contains("NODE_DOWN");
            assertThat(Ferry.ferry("logs", "--tail", "1", "-f", "train", "--server", coordinator.address()).out()).isEqualTo("two\nbehind 8");
        }
    }

    private static final class Log extends FerryGrpc.FerryImplBase {
        private boolean down;

        @Override
        public void getJob(GetJobRequest request, StreamObserver<Job> to) {
            to.onNext(Job.newBuilder().setId("j-aaaaaaaa").build());
            to.onCompleted();
        }

        @Override
        public void readLog(ReadLogRequest request, StreamObserver<LogChunk> to) {
            // By its id: another job may have its name by now.
            assertThat(request.getJob()).isEqualTo("j-aaaaaaaa");
            String text = request.getFollow() ? "behind " + request.getOffset() : "one\ntwo\n";
            to.onNext(LogChunk.newBuilder().setOffset(request.getOffset()).setData(ByteString.copyFromUtf8(text)).build());
            if (down && !request.getFollow()) {
                to.onError(ErrorTransport.toStatus(new FerryException(ErrorCode.NODE_DOWN, "Node node-1 does not answer")));
            } else {
                to.onCompleted();
            }
        }
    }
}
