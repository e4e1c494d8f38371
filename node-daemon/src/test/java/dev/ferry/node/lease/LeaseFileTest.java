package dev.ferry.node.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LeaseFileTest {
    @TempDir Path folder;

    /** Killed, or without power, between the file's length and its first word: nothing was granted yet, and the daemon must start. */
    @Test
    void aFileThatNobodyHasWrittenGrantsNothing() throws Exception {
        Files.write(folder.resolve("lease"), new byte[4096]);
        assertThat(LeaseFile.open(folder).freezeAt()).isZero();
        LeaseFile.open(folder).freezeAt(42);
        assertThat(LeaseFile.open(folder).freezeAt()).isEqualTo(42);
    }

    @Test
    void aFileOfAnotherFerryIsRefused() throws Exception {
        byte[] other = new byte[4096];
        other[0] = 'X';
        Files.write(folder.resolve("lease"), other);
        assertThatThrownBy(() -> LeaseFile.open(folder)).isInstanceOf(FerryException.class).hasMessageContaining("another Ferry");
    }
}
