package dev.ferry.node.criu;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.ImageWriter;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** An image in memory, for CRIU's files only. Fails on demand. */
final class TestingImage {
    private final BufferPool buffers = new BufferPool(16, 1 << 20);
    private final Map<String, ByteArrayOutputStream> files = new ConcurrentHashMap<>();
    private final AtomicLong bytes = new AtomicLong();
    private final CountDownLatch goesOn = new CountDownLatch(1);
    private volatile long failAfterBytes = Long.MAX_VALUE;
    private volatile long stallAfterBytes = Long.MAX_VALUE;
    private volatile @Nullable String damaged;

    TestingImage failAfter(long count) {
        failAfterBytes = count;
        return this;
    }

    /** The store takes nothing more from there on until {@link #goOn}. */
    TestingImage stallAfter(long count) {
        stallAfterBytes = count;
        return this;
    }

    void goOn() {
        goesOn.countDown();
    }

    /** Reading this file fails as a corrupt chunk does. */
    TestingImage damage(String name) {
        damaged = name;
        return this;
    }

    boolean holdsEveryBuffer() {
        return buffers.available() == buffers.count();
    }

    ImageWriter writer() {
        return new Writer();
    }

    ImageReader reader() {
        return new Reader();
    }

    private final class Writer implements ImageWriter {
        @Override
        public BufferPool buffers() {
            return buffers;
        }

        @Override
        public Optional<Manifest> previous() {
            return Optional.empty();
        }

        @Override
        public ByteBuffer take() throws InterruptedException {
            return buffers.take();
        }

        @Override
        public Spooled spooled() {
            return new Spooled(bytes.get(), 0, 0);
        }

        private void awaitGoOn() {
            try {
                goesOn.await();
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public void room(Room room) {}

        @Override
        public ByteSink file(String name) {
            ByteArrayOutputStream content = new ByteArrayOutputStream();
            files.put(name, content);
            return new ByteSink() {
                @Override
                public void write(ByteBuffer owned) {
                    byte[] copy = new byte[owned.remaining()];
                    owned.get(copy);
                    buffers.give(owned);
                    long taken = bytes.addAndGet(copy.length);
                    if (taken > stallAfterBytes) {
                        awaitGoOn();
                    }
                    if (taken > failAfterBytes) {
                        throw new FerryException(ErrorCode.STORE_UNREACHABLE, "the test's store is gone");
                    }
                    content.writeBytes(copy);
                }

                @Override
                public void zeros(long bytes) {
                    throw new AssertionError("CRIU's pipes have no holes");
                }

                @Override
                public void close() {}
            };
        }

        @Override
        public void entry(String volume, VolumeEntry entry) {
            throw new AssertionError("no volumes here");
        }

        @Override
        public ByteSink regular(String volume, VolumeEntry entry) {
            throw new AssertionError("no volumes here");
        }

        @Override
        public boolean unchanged(String volume, VolumeEntry unchanged) {
            throw new AssertionError("no volumes here");
        }

        @Override
        public void spec(JobSpec spec) {}

        @Override
        public void restoreOrder(List<String> names) {}

        @Override
        public long bytesIn() {
            return bytes.get();
        }

        @Override
        public long bytesSent() {
            return bytes.get();
        }

        @Override
        public long recognisedBytes() {
            return 0;
        }

        @Override
        public Image commit(Image image, Duration atMost) {
            return image;
        }

        @Override
        public void fail(FerryException why) {
            throw new AssertionError("no one gives an image up here", why);
        }

        @Override
        public void sourceStandsStill(boolean still) {}

        @Override
        public void close() {}
    }

    private final class Reader implements ImageReader {
        @Override
        public void prefetch() {}

        @Override
        public Origins origins() {
            return new Origins(0, 0, 0);
        }

        @Override
        public Manifest manifest() {
            Manifest.Builder manifest = Manifest.newBuilder();
            files.keySet().forEach(name -> manifest.addFiles(StoredFile.newBuilder().setName(name)));
            return manifest.build();
        }

        @Override
        public Optional<StoredFile> file(String name) {
            // The name is carried where a real image has chunk names.
            return Optional.ofNullable(files.get(name))
                    .map(
                            content ->
                                    StoredFile.newBuilder()
                                            .setName(name)
                                            .setSize(content.size())
                                            .setChunks(ChunkList.newBuilder().setHashes(com.google.protobuf.ByteString.copyFromUtf8(name)))
                                            .build());
        }

        @Override
        public ByteSource open(ChunkList chunks) {
            String name = chunks.getHashes().toString(StandardCharsets.UTF_8);
            ByteBuffer content = ByteBuffer.wrap(files.get(name).toByteArray());
            return new ByteSource() {
                @Override
                public @Nullable ByteBuffer next() {
                    if (name.equals(damaged)) {
                        throw new FerryException(ErrorCode.CHUNK_CORRUPT, "the test damaged " + name);
                    }
                    if (!content.hasRemaining()) {
                        return null;
                    }
                    int length = Math.min(content.remaining(), 1 << 18);
                    ByteBuffer part = ByteBuffer.allocateDirect(length);
                    part.put(content.slice(content.position(), length)).flip();
                    content.position(content.position() + length);
                    return part;
                }

                @Override
                public long zeros() {
                    return 0;
                }

                @Override
                public void close() {}
            };
        }

        @Override
        public void close() {}
    }
}
