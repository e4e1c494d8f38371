package dev.ferry.storage.look;

import static dev.ferry.storage.look.CriuFiles.file;
import static dev.ferry.storage.look.CriuFiles.message;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.ferry.proto.v1.EntryKind;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.ImageContent;
import dev.ferry.proto.v1.ImageDiff;
import dev.ferry.proto.v1.MemoryKind;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.object.MemoryStore;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Looks into images whose files are put together as CRIU does, by the numbers of its images/*.proto. */
class ImageLookTest {
    private static final int PAGE = 4096;

    private final Images images = new Images(new MemoryStore());
    private final BufferPool buffers = new BufferPool(8, Images.WINDOW_BYTES);

    private static ByteString area(long begin, long pages, long status) {
        return message(1, begin, 2, begin + pages * PAGE, 3, 0L, 4, 0L, 5, 3L, 6, 2L, 7, status, 8, 1L);
    }

    /** A shell with a child that has two threads. */
    private static Map<String, byte[]> tree() {
        Map<String, byte[]> files = new LinkedHashMap<>();
        files.put("pstree.img", file(message(1, 1L, 2, 0L, 3, 1L, 4, 1L, 5, 1L), message(1, 7L, 2, 1L, 3, 1L, 4, 1L, 5, 7L, 5, 8L)));
        files.put("core-1.img", file(message(1, 1L, 3, message(1, 1L, 6, "sh"))));
        files.put("core-7.img", file(message(1, 1L, 3, message(1, 1L, 6, "python3"))));
        files.put("mm-1.img", file(message(14, area(0x1000, 4, 0x21), 14, area(0x9000, 2, 0x3))));
        files.put("mm-7.img", file(message(14, area(0x1000, 10, 0x41), 14, area(0x20000, 100, 0x201), 14, area(0x100000, 50, 0x101))));
        files.put("pagemap-1.img", file(message(1, 1L), message(1, 0x2000L, 2, 2L, 4, 4L), message(1, 0x9000L, 2, 1L, 4, 4L)));
        // The last run is a parent's, not this image's.
        files.put("pagemap-7.img", file(message(1, 2L), message(1, 0x20000L, 5, 60L, 4, 4L), message(1, 0x60000L, 2, 5L, 4, 1L)));
        files.put("pagemap-shmem-12.img", file(message(1, 3L), message(1, 0L, 2, 50L, 4, 4L)));
        files.put(
                "files.img",
                file(
                        message(1, 1L, 2, 1L, 3, message(1, 1L, 6, "/usr/bin/python3")),
                        message(1, 1L, 2, 2L, 3, message(1, 2L, 6, "/usr/bin/python3")),
                        message(1, 4L, 2, 3L, 4, message(3, 2L, 4, 1L, 5, 6L, 7, 8080L, 8, 51000L, 11, 0x0100007fL, 12, 0x0200000aL)),
                        message(1, 5L, 2, 4L, 16, message(1, 4L, 8, 99L, 11, ByteString.copyFromUtf8("/run/a.sock\0"))),
                        message(1, 2L, 2, 5L, 18, message(1, 5L))));
        return files;
    }

    private void write(String id, Map<String, byte[]> files, Map<String, String> volume) throws InterruptedException {
        try (ImageWriter writer = images.write(id, Optional.empty(), buffers)) {
            for (Map.Entry<String, byte[]> file : files.entrySet()) {
                write(writer.file(file.getKey()), file.getValue());
            }
            for (Map.Entry<String, String> file : volume.entrySet()) {
                write(writer.regular("scratch", VolumeEntry.newBuilder().setPath(ByteString.copyFromUtf8(file.getKey())).setKind(EntryKind.REGULAR).build()), file.getValue().getBytes(StandardCharsets.UTF_8));
            }
            Image ignored = writer.commit(Image.getDefaultInstance());
        }
    }

    private void write(ByteSink sink, byte[] content) throws InterruptedException {
        try (sink) {
            for (int at = 0; at < content.length; at += Images.WINDOW_BYTES) {
                sink.write(buffers.take().put(content, at, Math.min(Images.WINDOW_BYTES, content.length - at)).flip());
            }
        }
    }

    private ImageContent content(String id) {
        try (ImageReader reader = images.read(id)) {
            return ImageLook.content(reader);
        }
    }

    private static String line(MemoryKind kind) {
        return kind.getKind() + " " + kind.getMappedBytes() / PAGE + " " + kind.getSavedBytes() / PAGE;
    }

    @Test
    void processesMemoryFilesAndSocketsAreTold() throws Exception {
        write("j-aaaaaaaa.1", tree(), Map.of());
        ImageContent content = content("j-aaaaaaaa.1");
        assertThat(content.getUnreadable()).isEmpty();
        assertThat(content.getProcessesList()).extracting(each -> each.getPid() + " " + each.getParent() + " " + each.getName() + " " + each.getThreads() + " " + each.getMappedBytes() / PAGE + " " + each.getSavedBytes() / PAGE)
                .containsExactly("1 0 sh 1 6 3", "7 1 python3 2 160 60");
        assertThat(content.getMemoryList()).extracting(ImageLookTest::line).containsExactlyInAnyOrder("heap 4 2", "stack 2 1", "private file 10 0", "private 100 60", "shared 50 50");
        assertThat(content.getFilesList()).containsExactly("/usr/bin/python3");
        assertThat(content.getSocketsList()).containsExactly("tcp 127.0.0.1:8080 -> 10.0.0.2:51000", "unix /run/a.sock (connected)");
        assertThat(content.getOtherDescriptors()).isEqualTo(1);
    }

    @Test
    void eachSavingIsTold() throws Exception {
        byte[] window = new byte[Images.WINDOW_BYTES];
        new Random(1).nextBytes(window);
        ByteArrayOutputStream twiceAndZeros = new ByteArrayOutputStream();
        twiceAndZeros.writeBytes(window);
        twiceAndZeros.writeBytes(window);
        twiceAndZeros.writeBytes(new byte[Images.WINDOW_BYTES]);
        write("j-aaaaaaaa.1", Map.of("other.img", twiceAndZeros.toByteArray(), "text.img", "again and ".repeat(10_000).getBytes(StandardCharsets.UTF_8)), Map.of());
        ImageContent content = content("j-aaaaaaaa.1");
        assertThat(content.getPlainBytes()).isEqualTo(3L * Images.WINDOW_BYTES + 100_000);
        assertThat(content.getNonZeroBytes()).isEqualTo(2L * Images.WINDOW_BYTES + 100_000);
        assertThat(content.getUniqueBytes()).isEqualTo(Images.WINDOW_BYTES + 100_000L);
        assertThat(content.getStoredBytes()).isBetween((long) Images.WINDOW_BYTES, Images.WINDOW_BYTES + 2000L);
    }

    @Test
    void filesThatAreNotAsCrIuWritesThemAreSaidAndTheRestIsTold() throws Exception {
        write("j-aaaaaaaa.1", Map.of("pstree.img", new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 127, 0, 0, 0}), Map.of());
        ImageContent content = content("j-aaaaaaaa.1");
        assertThat(content.getUnreadable()).contains("an entry ends behind the file");
        assertThat(content.getPlainBytes()).isEqualTo(12);
    }

    @Test
    void whatChangedBetweenTwoImagesIsTold() throws Exception {
        byte[] memory = new byte[4 * Images.WINDOW_BYTES];
        new Random(2).nextBytes(memory);
        write("j-aaaaaaaa.1", Map.of("other.img", memory, "old.img", new byte[] {1}), Map.of("kept", "same", "changed", "before", "gone", "x"));
        memory[0]++;
        write("j-aaaaaaaa.2", Map.of("other.img", memory, "new.img", new byte[] {2, 2}), Map.of("kept", "same", "changed", "after", "new", "y"));
        ImageDiff diff = ImageLook.diff(images.manifest("j-aaaaaaaa.1"), images.manifest("j-aaaaaaaa.2"));
        assertThat(diff.getPartsList()).extracting(part -> part.getName() + " " + part.getInFirst() + " " + part.getInSecond() + " " + part.getGoneBytes() + " " + part.getNewBytes())
                .containsExactly("new.img false true 0 2", "old.img true false 1 0", "other.img true true " + Images.WINDOW_BYTES + " " + Images.WINDOW_BYTES, "scratch/ true true 7 6");
        assertThat(diff.getChangedFilesList()).containsExactly("~scratch/changed", "-scratch/gone", "+scratch/new");
        assertThat(diff.getNewBytes()).isEqualTo(Images.WINDOW_BYTES + 2L + 6);
        ImageDiff none = ImageLook.diff(images.manifest("j-aaaaaaaa.1"), images.manifest("j-aaaaaaaa.1"));
        assertThat(none.getNewBytes() + none.getGoneBytes() + none.getChangedFilesCount()).isZero();
    }
}
