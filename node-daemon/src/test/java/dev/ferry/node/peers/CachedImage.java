package dev.ferry.node.peers;

import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.WantedChunk;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.image.ChunkCache;
import dev.ferry.storage.object.FolderStore;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/** A node that has saved an image of noise, so that its cache has all of it. */
final class CachedImage implements AutoCloseable {
    static final int WINDOWS = 24;
    private static final String IMAGE = "j-aaaaaaaa.1";
    private static final String FILE = "pages-1.img";
    private static final int NAME_BYTES = 32;

    final ChunkCache cache;
    final List<WantedChunk> chunks = new ArrayList<>();

    CachedImage(Path folder) throws Exception {
        cache = ChunkCache.open(folder.resolve("chunks"), 64 << 20);
        Images images = new Images(new FolderStore(folder.resolve("store")), () -> {}, Optional.of(cache));
        BufferPool buffers = new BufferPool(4, Images.WINDOW_BYTES);
        byte[] noise = new byte[Images.WINDOW_BYTES];
        Random random = new Random(5);
        try (ImageWriter writer = images.write(IMAGE, Optional.empty(), buffers)) {
            try (ByteSink sink = writer.file(FILE)) {
                for (int window = 0; window < WINDOWS; window++) {
                    random.nextBytes(noise);
                    sink.write(buffers.take().put(noise).flip());
                }
            }
            Image ignored = writer.commit(Image.newBuilder().setJob("j-aaaaaaaa").build());
        }
        try (ImageReader reader = images.read(IMAGE)) {
            ChunkList list = reader.file(FILE).orElseThrow().getChunks();
            for (int i = 0; i < list.getLengthsCount(); i++) {
                chunks.add(WantedChunk.newBuilder().setName(list.getHashes().substring(i * NAME_BYTES, (i + 1) * NAME_BYTES)).setStored(list.getStored(i)).build());
            }
        }
    }

    @Override
    public void close() {
        cache.close();
    }
}
