package dev.ferry.coordinator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.coordinator.store.Reserve;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.proto.v1.CollectGarbageRequest;
import dev.ferry.proto.v1.Collection;
import dev.ferry.proto.v1.CreateTokenRequest;
import dev.ferry.proto.v1.DeleteImageResponse;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Role;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.object.FolderStore;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The coordinator's data and the store on one real disk, as by default, and nothing is left of it. */
class FullDiskIT {
    private static final int PACK = 200_000;
    private static final int BLOCK = 4096;
    /** More lines of the audit log than its last block has room for. */
    private static final int LINES = 50;

    @TempDir Path folder;
    private Path disk;

    @BeforeEach
    void mount() throws Exception {
        disk = Files.createDirectory(folder.resolve("disk"));
        must("mount", "-t", "tmpfs", "-o", "size=48m", "ferry-test-disk", disk.toString());
    }

    @AfterEach
    void unmount() throws Exception {
        // SQLite's library is unpacked into the data folder, and this process keeps it.
        must("umount", "--lazy", disk.toString());
    }

    private static void must(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).as("%s: %s", String.join(" ", command), said).isZero();
    }

    private void fill(String name) throws IOException {
        try (FileChannel file = FileChannel.open(disk.resolve(name), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            while (true) {
                int ignored = file.write(ByteBuffer.allocate(BLOCK));
            }
        } catch (IOException full) {
            assertThat(full).hasMessageContaining("No space left");
        }
    }

    private void write(Images images, SqliteStateStore state, String id) throws InterruptedException {
        BufferPool buffers = new BufferPool(2, Images.WINDOW_BYTES);
        try (ImageWriter writer = images.write(id, Optional.empty(), buffers)) {
            byte[] content = new byte[PACK];
            new Random(id.hashCode()).nextBytes(content);
            try (ByteSink sink = writer.file("core-1.img")) {
                sink.write(buffers.take().put(content).flip());
            }
            Image image = writer.commit(Image.newBuilder().setJob("j-aaaaaaaa").setSequence(Long.parseLong(id.substring(id.indexOf('.') + 1))).build());
            state.transact(
                    tables -> {
                        tables.put(image);
                        return true;
                    });
        }
    }

    private static void createToken(CoordinatorScene scene) {
        assertThat(scene.access().createToken(CreateTokenRequest.newBuilder().setRole(Role.ROLE_VIEWER).build()).getSecret()).isNotEmpty();
    }

    private static void assertNothingElseCanBeChanged(CoordinatorScene scene) {
        for (int line = 0; line < LINES; line++) {
            assertThat(CoordinatorScene.refusal(() -> createToken(scene))).isEqualTo(ErrorCode.DISK_FULL);
        }
    }

    @Test
    void imagesAreDeletedAndGarbageIsCollected() throws Exception {
        Images images = new Images(new FolderStore(disk.resolve("store")));
        try (SqliteStateStore state = SqliteStateStore.open(disk.resolve("data"))) {
            for (String id : List.of("j-aaaaaaaa.1", "j-aaaaaaaa.2", "j-aaaaaaaa.3")) {
                write(images, state, id);
            }
        }
        try (CoordinatorScene scene = new CoordinatorScene(disk)) {
            createToken(scene);
            assertThat(disk.resolve("data").resolve(Reserve.NAME)).isRegularFile();
            fill("first");
            assertNothingElseCanBeChanged(scene);
            DeleteImageResponse deleted = scene.stub().deleteImage(GetImageRequest.newBuilder().setImage("j-aaaaaaaa.1").build());
            assertThat(deleted.getFreedBytes()).isGreaterThan(PACK);
            createToken(scene);

            scene.stop();
            fill("second");
            scene.start();
            fill("third");
            assertNothingElseCanBeChanged(scene);
            assertThat(images.forget("j-aaaaaaaa.2")).isPositive();
            Collection collected = scene.stub().collectGarbage(CollectGarbageRequest.newBuilder().setNow(true).build());
            assertThat(collected.getFreedPacks()).isEqualTo(1);
            createToken(scene);
        }
        assertThat(images.ids()).containsExactly("j-aaaaaaaa.3");
        assertThat(images.verify("j-aaaaaaaa.3").damage()).isEmpty();
    }
}
