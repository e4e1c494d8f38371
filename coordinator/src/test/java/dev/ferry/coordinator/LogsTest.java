package dev.ferry.coordinator;

import static dev.ferry.coordinator.CoordinatorScene.assertSucceeded;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.Command.ActionCase;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.DumpJob;
import dev.ferry.proto.v1.EntryKind;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.LogChunk;
import dev.ferry.proto.v1.ReadLogRequest;
import dev.ferry.proto.v1.Requirements;
import dev.ferry.proto.v1.SuspendJobRequest;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.object.FolderStore;
import io.grpc.StatusRuntimeException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a reader has of the log of a job whose node does not send it. */
class LogsTest {
    private static final String AT_CHECKPOINT = "step 1\n";
    private static final String WHOLE = "step 1\nstep 2\nits last words\n";

    @TempDir Path folder;
    private CoordinatorScene scene;
    private FakeNode one;

    @BeforeEach
    void open() throws Exception {
        scene = new CoordinatorScene(folder);
        one = scene.add(new FakeNode("node-1").keepLease(), "node-1");
        one.answer(ActionCase.DUMP, command -> Optional.of(CommandResult.newBuilder().setImage(image(command.getJob(), command.getDump(), command.getIncarnation())).setJob(FakeNode.report(command, command.getDump().getStayFrozen() ? LocalState.LOCAL_FROZEN : LocalState.LOCAL_RUNNING)).build()));
    }

    @AfterEach
    void close() {
        scene.close();
    }

    /** An image with the log as far as it is at the first checkpoint. */
    private Image image(String job, DumpJob dump, long life) {
        Images images = new Images(new FolderStore(folder.resolve("store")));
        BufferPool buffers = new BufferPool(2, Images.WINDOW_BYTES);
        try (ImageWriter writer = images.write(dump.getImage(), Optional.empty(), buffers)) {
            writer.entry("log", VolumeEntry.newBuilder().setKind(EntryKind.DIRECTORY).build());
            try (ByteSink log = writer.regular("log", VolumeEntry.newBuilder().setKind(EntryKind.REGULAR).setPath(ByteString.copyFromUtf8("output.log")).build())) {
                log.write(buffers.take().put(AT_CHECKPOINT.getBytes(StandardCharsets.UTF_8)).flip());
            }
            writer.spec(JobSpec.newBuilder().setName("train").build());
            return writer.commit(Image.newBuilder().setJob(job).setIncarnation(life).setSequence(dump.getSequence()).setNode("node-1").setCreatedAt(1_700_000_000_000L).setLogBytes(AT_CHECKPOINT.length()).setRequirements(Requirements.newBuilder().setArchitecture("amd64").setKernel("6.18").setCriuVersion("4.2.1")).build());
        } catch (Exception failed) {
            throw new IllegalStateException(failed);
        }
    }

    private Job saved() {
        Job job = scene.running();
        one.log(job.getId(), WHOLE);
        assertSucceeded(scene.awaitEnd(scene.stub().checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build())));
        return scene.job(job.getId());
    }

    private Job exited() {
        Job job = saved();
        one.report(JobReport.newBuilder().setJob(job.getId()).setIncarnation(1).setState(LocalState.LOCAL_EXITED).setExitStatus(1).build());
        return scene.awaitState(job.getId(), JobState.EXITED);
    }

    /**
     * @param error empty: the log has come to its end
     */
    private record Heard(List<LogChunk> pieces, Optional<FerryException> error) {
        String text() {
            return pieces.stream().map(piece -> piece.getData().toStringUtf8()).collect(Collectors.joining());
        }
    }

    private Heard read(ReadLogRequest.Builder request) {
        List<LogChunk> pieces = new ArrayList<>();
        try {
            scene.stub().readLog(request.build()).forEachRemaining(pieces::add);
            return new Heard(pieces, Optional.empty());
        } catch (StatusRuntimeException failed) {
            return new Heard(pieces, Optional.of(ErrorTransport.toError(failed, "the test")));
        }
    }

    private static ReadLogRequest.Builder of(Job job) {
        return ReadLogRequest.newBuilder().setJob(job.getId());
    }

    @Test
    void whatTheImageHasIsNotTheWholeLogOfAJobThatEndedLater() {
        Job job = exited();
        assertThat(read(of(job))).isEqualTo(read(of(job).setFollow(true)));
        assertThat(read(of(job)).text()).isEqualTo(WHOLE);
        one.disconnect();
        for (boolean follow : new boolean[] {false, true}) {
            Heard heard = read(of(job).setFollow(follow));
            assertThat(heard.text()).isEqualTo(AT_CHECKPOINT);
            assertThat(heard.error().orElseThrow().code()).isEqualTo(ErrorCode.NODE_DOWN);
            assertThat(heard.error().orElseThrow()).hasMessageContainingAll("node-1", "byte " + AT_CHECKPOINT.length(), job.getLatestImage(), "2023-11-14T22:13:20Z");
        }
    }

    @Test
    void aJobOfALostNodeHasTheRestThere() {
        Job job = saved();
        one.disconnect();
        Job lost = scene.awaitState(job.getId(), JobState.UNREACHABLE);
        Heard heard = read(of(lost));
        assertThat(heard.text()).isEqualTo(AT_CHECKPOINT);
        assertThat(heard.error().orElseThrow()).hasMessageContainingAll("node-1", "is on that node");
    }

    @Test
    void whoFollowsALostJobIsToldSo() {
        Job job = saved();
        one.report(JobReport.newBuilder().setJob(job.getId()).setIncarnation(1).setState(LocalState.LOCAL_LOST).setDetail("its processes are gone").build());
        scene.awaitState(job.getId(), JobState.LOST);
        for (boolean connected : new boolean[] {true, false}) {
            Heard heard = read(of(job).setFollow(true));
            assertThat(heard.text()).isEqualTo(connected ? WHOLE : AT_CHECKPOINT);
            assertThat(heard.pieces().getLast().getNotice()).contains("is LOST: its processes are gone");
            assertThat(heard.error().orElseThrow().code()).isEqualTo(ErrorCode.JOB_LOST);
            one.disconnect();
        }
    }

    /** It is restored from an image that has less of the log than a reader has had. */
    @Test
    void whoFollowsARestoredJobIsToldWhereItsLogWasCut() throws Exception {
        Job job = saved();
        BlockingQueue<LogChunk> pieces = new LinkedBlockingQueue<>();
        Thread reader = Thread.ofVirtual().start(() -> scene.stub().withDeadlineAfter(1, TimeUnit.MINUTES).readLog(of(job).setFollow(true).build()).forEachRemaining(pieces::add));
        assertThat(next(pieces).getData().toStringUtf8()).isEqualTo(WHOLE);
        FakeNode two = scene.add(new FakeNode("node-2").keepLease(), "node-2");
        two.log(job.getId(), AT_CHECKPOINT + "step 2, again and with more words than before\n");
        one.disconnect();
        assertThat(next(pieces).getNotice()).contains("node node-1 is down");
        LogChunk cut = next(pieces);
        assertThat(cut.getNotice()).contains("cut at byte " + AT_CHECKPOINT.length());
        assertThat(cut.getOffset()).isEqualTo(AT_CHECKPOINT.length());
        LogChunk more = next(pieces);
        assertThat(more.getOffset()).isEqualTo(AT_CHECKPOINT.length());
        assertThat(more.getData().toStringUtf8()).startsWith("step 2, again");
        assertThat(more.getIncarnation()).isEqualTo(2);
        // As one asks whose stream broke off meanwhile.
        assertThat(read(of(job).setOffset(WHOLE.length()).setIncarnation(1)).pieces()).containsExactly(cut, more);
        reader.interrupt();
    }

    private static LogChunk next(BlockingQueue<LogChunk> pieces) throws InterruptedException {
        return Objects.requireNonNull(pieces.poll(CoordinatorScene.SOON.toSeconds(), TimeUnit.SECONDS), "nothing came");
    }

    /** The node threw it away when the image was all of the job. */
    @Test
    void aJobThatWasCancelledWhileItWasSuspendedHasAllInItsImage() {
        Job job = scene.running();
        assertSucceeded(scene.awaitEnd(scene.stub().suspendJob(SuspendJobRequest.newBuilder().setJob(job.getId()).build())));
        assertSucceeded(scene.awaitEnd(scene.stub().cancelJob(CancelJobRequest.newBuilder().setJob(job.getId()).build())));
        Job cancelled = scene.awaitState(job.getId(), JobState.CANCELLED_JOB);
        assertThat(cancelled.getNode()).isEqualTo("node-1");
        assertThat(read(of(cancelled))).isEqualTo(read(of(cancelled).setFollow(true)));
        one.disconnect();
        for (boolean follow : new boolean[] {false, true}) {
            assertThat(read(of(cancelled).setFollow(follow)).text()).isEqualTo(AT_CHECKPOINT);
            assertThat(read(of(cancelled).setFollow(follow)).error()).isEmpty();
        }
    }
}
