package dev.ferry.node.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import org.junit.jupiter.api.Test;

class FailuresTest {
    @Test
    void aRecordThatFoundNoRoomIsAFullDiskAndNamesItsFile() {
        ErrorDetail full = Failures.detail(new UncheckedIOException("can't write the journal /data/journal", new IOException("No space left on device")), ErrorCode.START_FAILED);
        assertThat(full.getCode()).isEqualTo(ErrorCode.DISK_FULL);
        assertThat(full.getMessage()).isEqualTo("can't write the journal /data/journal: No space left on device");
    }

    @Test
    void anotherFailureHasTheCodeOfTheAct() {
        IOException named = new FileSystemException("/data/x", null, "Read-only file system");
        assertThat(Failures.detail(new UncheckedIOException(named), ErrorCode.START_FAILED).getCode()).isEqualTo(ErrorCode.START_FAILED);
        assertThat(Failures.detail(new UncheckedIOException(named), ErrorCode.START_FAILED).getMessage()).isEqualTo("/data/x: Read-only file system");
        assertThat(Failures.detail(new IllegalStateException("a bug"), ErrorCode.START_FAILED).getCode()).isEqualTo(ErrorCode.INTERNAL);
    }
}
