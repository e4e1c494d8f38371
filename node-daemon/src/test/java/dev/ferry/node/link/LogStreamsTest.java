package dev.ferry.node.link;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.FromNode;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.LogData;
import dev.ferry.proto.v1.LogRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A log that is followed on a node where the job has several lives. */
class LogStreamsTest {
    private static final String JOB = "j-aaaaaaaa";

    @TempDir Path folder;
    private final BlockingQueue<LogData> sent = new LinkedBlockingQueue<>();
    private volatile JobReport report = life(1);

    private static JobReport life(long incarnation) {
        return JobReport.newBuilder().setJob(JOB).setIncarnation(incarnation).setState(LocalState.LOCAL_RUNNING).build();
    }

    private boolean send(FromNode message) {
        return sent.add(message.getLogData());
    }

    private LogData next() throws InterruptedException {
        return Objects.requireNonNull(sent.poll(20, TimeUnit.SECONDS), "nothing was sent");
    }

    /** The next life began on this node, from an image with less of the log, and has written more than that since. */
    @Test
    void noLogOfAnotherLifeIsSentBehindTheOneThatWasAskedFor() throws Exception {
        Path log = Files.writeString(folder.resolve("output.log"), "step 1\nstep 2\n");
        try (LogStreams streams = new LogStreams(job -> Optional.of(log), job -> Optional.of(report), this::send)) {
            streams.open(LogRequest.newBuilder().setRequest("log-1").setJob(JOB).setFollow(true).build());
            assertThat(next().getData().toStringUtf8()).isEqualTo("step 1\nstep 2\n");
            report = life(2);
            Files.writeString(log, "step 1\nanother step 2\n");
            LogData last = next();
            assertThat(last.getEnd()).isTrue();
            assertThat(last.getData().isEmpty()).isTrue();
        }
    }
}
