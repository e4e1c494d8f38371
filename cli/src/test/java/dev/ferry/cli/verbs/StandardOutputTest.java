package dev.ferry.cli.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.ferry.cli.Ferry;
import dev.ferry.cli.StandInCoordinator;
import dev.ferry.common.Errors;
import dev.ferry.proto.v1.AccessGrpc;
import dev.ferry.proto.v1.AuditEntry;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.GetServerRequest;
import dev.ferry.proto.v1.ImagePiece;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.LogChunk;
import dev.ferry.proto.v1.ReadAuditRequest;
import dev.ferry.proto.v1.ReadLogRequest;
import dev.ferry.proto.v1.Server;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Where nobody takes the output any more. */
class StandardOutputTest {
    private static final int MANIFEST = 4 << 20;

    @Test
    void anExportThatCouldNotBeWrittenFails() throws Exception {
        try (StandInCoordinator coordinator = StandInCoordinator.of(new Source())) {
            Ferry.Said full = Ferry.into(Path.of("/dev/full"), "image", "export", "j-aaaaaaaa.1", "--to", "-", "--server", coordinator.address());
            assertThat(full.error()).contains("No space left on device", "DISK_FULL");
            assertThat(full.status()).isEqualTo(Errors.meaning(ErrorCode.DISK_FULL).getExitStatus());
        }
    }

    /** Whoever follows has no other end, as long as the job runs. */
    @Test
    void whoFollowsALogEndsWithItsReader() throws Exception {
        try (StandInCoordinator coordinator = StandInCoordinator.of(new Source())) {
            Ferry.Said closed = Ferry.into(Path.of("/dev/full"), "logs", "-f", "train", "--server", coordinator.address());
            assertThat(closed.status()).isEqualTo(Errors.meaning(ErrorCode.CANCELLED).getExitStatus());
            assertThat(closed.error()).contains("Standard output is closed or full");
        }
    }

    @Test
    void whoReadsTheAuditLogEndsWithItsReader() throws Exception {
        try (StandInCoordinator coordinator = StandInCoordinator.of(new Audit())) {
            Ferry.Said closed = Ferry.into(Path.of("/dev/full"), "admin", "audit", "--server", coordinator.address());
            assertThat(closed.status()).isEqualTo(Errors.meaning(ErrorCode.CANCELLED).getExitStatus());
            assertThat(closed.error()).contains("Standard output is closed or full");
        }
    }

    private static final class Audit extends AccessGrpc.AccessImplBase {
        /** It has no end. */
        @Override
        public void readAudit(ReadAuditRequest request, StreamObserver<AuditEntry> to) {
            ((ServerCallStreamObserver<AuditEntry>) to).setOnCancelHandler(() -> {});
            to.onNext(AuditEntry.newBuilder().setVerb("CancelJob").build());
        }
    }

    private static final class Source extends FerryGrpc.FerryImplBase {
        @Override
        public void getServer(GetServerRequest request, StreamObserver<Server> to) {
            to.onNext(Server.getDefaultInstance());
            to.onCompleted();
        }

        /** No image, but enough of one to fill what is written behind a buffer. */
        @Override
        public void exportImage(GetImageRequest request, StreamObserver<ImagePiece> to) {
            ByteBuffer begin = ByteBuffer.allocate(16).put("FERRYEX1".getBytes(StandardCharsets.US_ASCII)).putLong(MANIFEST).flip();
            to.onNext(ImagePiece.newBuilder().setContent(ByteString.copyFrom(begin)).build());
            to.onNext(ImagePiece.newBuilder().setContent(ByteString.copyFrom(new byte[MANIFEST / 2])).build());
            to.onNext(ImagePiece.newBuilder().setContent(ByteString.copyFrom(new byte[MANIFEST / 2])).build());
            to.onCompleted();
        }

        @Override
        public void getJob(GetJobRequest request, StreamObserver<Job> to) {
            to.onNext(Job.newBuilder().setId("j-aaaaaaaa").build());
            to.onCompleted();
        }

        /** It never ends by itself. */
        @Override
        public void readLog(ReadLogRequest request, StreamObserver<LogChunk> to) {
            ((ServerCallStreamObserver<LogChunk>) to).setOnCancelHandler(() -> {});
            to.onNext(LogChunk.newBuilder().setData(ByteString.copyFromUtf8("one line\n")).build());
        }
    }
}
