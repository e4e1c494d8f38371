package dev.ferry.node.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SparseFileTest {
    private static final long MEBIBYTE = 1 << 20;

    @TempDir Path folder;

    private static SparseFile open(Path file) throws Exception {
        return SparseFile.open(file.toString().getBytes(StandardCharsets.UTF_8), Files.size(file));
    }

    @Test
    void holesAndDataAreTold() throws Exception {
        Path file = folder.resolve("file");
        try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
            opened.seek(4 * MEBIBYTE);
            opened.write(new byte[65536]);
            opened.setLength(9 * MEBIBYTE);
        }
        try (SparseFile asked = open(file)) {
            assertThat(asked.hole(0)).isZero();
            assertThat(asked.data(0)).isEqualTo(4 * MEBIBYTE);
            assertThat(asked.data(4 * MEBIBYTE + 7)).isEqualTo(4 * MEBIBYTE + 7);
            assertThat(asked.hole(4 * MEBIBYTE)).isEqualTo(4 * MEBIBYTE + 65536);
            assertThat(asked.data(5 * MEBIBYTE)).as("only a hole is left").isEqualTo(9 * MEBIBYTE);
        }
    }

    @Test
    void aFileWithoutHolesHasNone() throws Exception {
        Path file = Files.write(folder.resolve("file"), new byte[300_001]);
        try (SparseFile asked = open(file)) {
            assertThat(asked.hole(0)).isEqualTo(300_001);
            assertThat(asked.data(299_999)).isEqualTo(299_999);
            ByteBuffer begin = ByteBuffer.allocateDirect(10);
            asked.position(299_995);
            assertThat(asked.read(begin)).as("there are ten").isFalse();
            assertThat(begin.position()).isEqualTo(6);
        }
    }

    /** A file of /proc knows no holes: the kernel refuses the question. */
    @Test
    void whatCanNotBeAskedIsData() throws Exception {
        try (SparseFile asked = SparseFile.open("/proc/self/status".getBytes(StandardCharsets.UTF_8), 500)) {
            assertThat(asked.data(0)).isZero();
            assertThat(asked.hole(0)).isEqualTo(500);
        }
    }

    @Test
    void aLinkIsNotFollowed() throws Exception {
        Path link = Files.createSymbolicLink(folder.resolve("link"), Files.createFile(folder.resolve("file")));
        assertThatThrownBy(() -> SparseFile.open(link.toString().getBytes(StandardCharsets.UTF_8), 1)).isInstanceOfSatisfying(PosixException.class, refused -> assertThat(refused.is(Errno.ELOOP)).isTrue());
    }
}
