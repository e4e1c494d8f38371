package dev.ferry.node.volumes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.node.posix.Posix;
import dev.ferry.proto.v1.EntryKind;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoredVolume;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.object.FolderStore;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A job's folders go into an image and come back as they were. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class VolumesTest {
    private static final int BUFFERS = 4;
    private static final Instant THEN = Instant.parse("2026-01-02T03:04:05.678901234Z");

    @TempDir Path folder;
    private final BufferPool buffers = new BufferPool(BUFFERS, Images.WINDOW_BYTES);
    private Images images;
    private Path source;
    private Path target;

    @BeforeEach
    void prepare() throws Exception {
        images = new Images(new FolderStore(folder.resolve("store")));
        source = Files.createDirectory(folder.resolve("source"));
        target = folder.resolve("target");
    }

    @AfterEach
    void buffersAreBack() {
        assertThat(buffers.available()).isEqualTo(BUFFERS);
    }

    private Image capture(int sequence, Optional<String> previous, Set<Long> mapped) throws Exception {
        Manifest before = previous.map(images::manifest).orElse(null);
        try (ImageWriter writer = images.write("j-aaaaaaaa." + sequence, previous, buffers)) {
            new VolumeCapture(writer, before, mapped).capture("scratch", source);
            return writer.commit(Image.newBuilder().setCreatedAt(System.currentTimeMillis()).build());
        }
    }

    private void restore(Image image) throws Exception {
        try (ImageReader reader = images.read(image.getId())) {
            new VolumeRestore(reader).restore(reader.manifest().getVolumes(0), target);
        }
    }

    /** What a link says is bytes, too; and "a/" is not "a" to whoever reads it. */
    @Test
    void targetsOfLinksComeBackByteByByte() throws Exception {
        byte[] link = VolumePaths.bytes(source.resolve("link"));
        byte[][] targets = {{(byte) 0xff, 'x', (byte) 0xc3}, "no//where/".getBytes(StandardCharsets.UTF_8), "\u00e4".getBytes(StandardCharsets.UTF_8)};
        for (int i = 0; i < targets.length; i++) {
            Files.deleteIfExists(source.resolve("link"));
            Posix.makeLink(targets[i], link);
            target = folder.resolve("target-" + i);
            restore(capture(i + 1, Optional.empty(), Set.of()));
            assertThat(Posix.readLink(VolumePaths.bytes(target.resolve("link")))).isEqualTo(targets[i]);
        }
    }

    @Test
    void everyKindOfFileComesBackAsItWas() throws Exception {
        byte[] content = new byte[600_000];
        new Random(3).nextBytes(content);
        Files.write(source.resolve("content"), content);
        Files.createFile(source.resolve("empty"));
        Files.setPosixFilePermissions(source.resolve("content"), PosixFilePermissions.fromString("r-x-w---x"));
        Files.createLink(source.resolve("second name"), source.resolve("content"));
        Files.createSymbolicLink(source.resolve("link"), Path.of("no/where"));
        Posix.makeFifo(source.resolve("fifo"), 0622);
        Files.createDirectories(source.resolve("a/b/c"));
        Files.writeString(source.resolve("a/b/file"), "x");
        Files.setLastModifiedTime(source.resolve("a/b/file"), FileTime.from(THEN));
        Files.setLastModifiedTime(source.resolve("a/b"), FileTime.from(THEN));
        Files.setPosixFilePermissions(source.resolve("a/b"), PosixFilePermissions.fromString("r-xr-x---"));
        Files.setAttribute(source.resolve("empty"), "unix:mode", 04755);
        restore(capture(1, Optional.empty(), Set.of()));
        assertThat(target.resolve("content")).hasBinaryContent(content);
        assertThat(Files.getPosixFilePermissions(target.resolve("content"))).isEqualTo(PosixFilePermissions.fromString("r-x-w---x"));
        assertThat(Files.isSameFile(target.resolve("content"), target.resolve("second name"))).isTrue();
        assertThat(target.resolve("empty")).isEmptyFile();
        assertThat((int) Files.getAttribute(target.resolve("empty"), "unix:mode") & 07777).isEqualTo(04755);
        assertThat(Files.readSymbolicLink(target.resolve("link"))).isEqualTo(Path.of("no/where"));
        FileFacts fifo = FileFacts.of(target.resolve("fifo"));
        assertThat(fifo.isFifo()).isTrue();
        assertThat(fifo.mode() & 0777).isEqualTo((int) Files.getAttribute(source.resolve("fifo"), "unix:mode", LinkOption.NOFOLLOW_LINKS) & 0777);
        assertThat(Files.getLastModifiedTime(target.resolve("a/b/file")).toInstant()).isEqualTo(THEN);
        assertThat(Files.getLastModifiedTime(target.resolve("a/b")).toInstant()).isEqualTo(THEN);
        assertThat(Files.getPosixFilePermissions(target.resolve("a/b"))).isEqualTo(PosixFilePermissions.fromString("r-xr-x---"));
        assertThat(target.resolve("a/b/c")).isEmptyDirectory();
    }

    @Test
    void holesStayHoles() throws Exception {
        long length = 64L << 20;
        try (RandomAccessFile file = new RandomAccessFile(source.resolve("sparse").toFile(), "rw")) {
            file.setLength(length);
            file.seek(10 << 20);
            file.write(7);
        }
        Image image = capture(1, Optional.empty(), Set.of());
        assertThat(image.getSentBytes()).isLessThan(1 << 20);
        restore(image);
        assertThat(Files.size(target.resolve("sparse"))).isEqualTo(length);
        assertThat(Files.mismatch(source.resolve("sparse"), target.resolve("sparse"))).isEqualTo(-1);
        Process du = new ProcessBuilder("du", "-k", target.resolve("sparse").toString()).start();
        assertThat(Long.parseLong(new String(du.getInputStream().readAllBytes()).split("\t")[0])).isLessThan(1024);
    }

    /** Made by a shell: Java itself can't write such names in every locale. */
    @Test
    void namesThatAreNoTextComeBack() throws Exception {
        List<String> script = List.of("sh", "-c", "cd \"$0\" && printf one > \"$(printf 'caf\\351 %%41 #?')\" && printf two > 'ü\n'", source.toString());
        assertThat(new ProcessBuilder(script).start().waitFor()).isZero();
        restore(capture(1, Optional.empty(), Set.of()));
        Process difference = new ProcessBuilder("diff", "-r", source.toString(), target.toString()).redirectErrorStream(true).start();
        assertThat(new String(difference.getInputStream().readAllBytes())).isEmpty();
        try (Stream<Path> files = Files.list(target)) {
            assertThat(files).hasSize(2);
        }
    }

    @Test
    void unchangedFilesAreNotReadAgain() throws Exception {
        Path file = source.resolve("file");
        Files.writeString(file, "before");
        awaitClockPast(FileFacts.of(file).changedNanos());
        Image first = capture(1, Optional.empty(), Set.of());
        Image second = capture(2, Optional.of(first.getId()), Set.of());
        assertThat(second.getSentBytes()).isZero();
        // Same length, and a time set back: only the change time tells.
        FileTime time = Files.getLastModifiedTime(file);
        Files.writeString(file, "after!");
        Files.setLastModifiedTime(file, time);
        Image third = capture(3, Optional.of(second.getId()), Set.of());
        assertThat(third.getSentBytes()).isPositive();
        restore(third);
        assertThat(target.resolve("file")).hasContent("after!");
    }

    @Test
    void filesThatAreMappedSharedAreAlwaysRead() throws Exception {
        Path file = source.resolve("file");
        Files.writeString(file, "content");
        long inode = FileFacts.of(file).inode();
        awaitClockPast(FileFacts.of(file).changedNanos());
        Image first = capture(1, Optional.empty(), Set.of(inode));
        // With neither a new time nor a new length, as a write through a mapping leaves it.
        FileTime time = Files.getLastModifiedTime(file);
        Files.writeString(file, "CONTENT");
        Files.setLastModifiedTime(file, time);
        restore(capture(2, Optional.of(first.getId()), Set.of(inode)));
        assertThat(target.resolve("file")).hasContent("CONTENT");
    }

    private static void awaitClockPast(long changedNanos) {
        Duration coarse = Duration.ofMillis(1100);
        await().atMost(Duration.ofSeconds(10)).until(() -> TimeUnit.MILLISECONDS.toNanos(System.currentTimeMillis()) > changedNanos + coarse.toNanos());
    }

    @Test
    void aDeviceNodeIsRefusedByName() throws Exception {
        Path device = source.resolve("null");
        assertThat(new ProcessBuilder("mknod", device.toString(), "c", "1", "3").start().waitFor()).isZero();
        assertThatThrownBy(() -> capture(1, Optional.empty(), Set.of())).isInstanceOf(FerryException.class).hasMessageContaining(device.toString());
    }

    @Test
    void pathsThatLeadOutAreRefused() {
        for (String path : List.of("../x", "a/../../x", "..")) {
            assertThatThrownBy(() -> VolumePaths.resolve(target, ByteString.copyFromUtf8(path))).isInstanceOf(IllegalArgumentException.class);
        }
        assertThat(VolumePaths.resolve(target, ByteString.EMPTY)).isEqualTo(target);
    }

    @Test
    void theFolderItselfIsNoLink() throws Exception {
        Path outside = Files.createDirectory(folder.resolve("outside"));
        StoredVolume trick = StoredVolume.newBuilder().setName("scratch").addEntries(VolumeEntry.newBuilder().setKind(EntryKind.SYMLINK).setTarget(ByteString.copyFromUtf8(outside.toString()))).build();
        Image image = capture(1, Optional.empty(), Set.of());
        try (ImageReader reader = images.read(image.getId())) {
            assertThatThrownBy(() -> new VolumeRestore(reader).restore(trick, target)).isInstanceOf(IOException.class).hasMessageContaining("SYMLINK");
        }
        assertThat(target).doesNotExist();
        assertThat(Files.isSymbolicLink(target)).isFalse();
    }

    @Test
    void anEntryBelowALinkOfTheImageIsNotWrittenThroughIt() throws Exception {
        Path outside = Files.createDirectory(folder.resolve("outside"));
        Manifest trick =
                Manifest.newBuilder()
                        .addVolumes(
                                StoredVolume.newBuilder()
                                        .setName("scratch")
                                        .addEntries(VolumeEntry.newBuilder().setKind(EntryKind.DIRECTORY).setMode(0755))
                                        .addEntries(VolumeEntry.newBuilder().setPath(ByteString.copyFromUtf8("way")).setKind(EntryKind.SYMLINK).setTarget(ByteString.copyFromUtf8(outside.toString())))
                                        .addEntries(VolumeEntry.newBuilder().setPath(ByteString.copyFromUtf8("way/fifo")).setKind(EntryKind.FIFO).setMode(0644)))
                        .build();
        Image image = capture(1, Optional.empty(), Set.of());
        try (ImageReader reader = images.read(image.getId())) {
            assertThatThrownBy(() -> new VolumeRestore(reader).restore(trick.getVolumes(0), target)).isInstanceOf(IOException.class).hasMessageContaining("way");
        }
        assertThat(outside).isEmptyDirectory();
    }
}
