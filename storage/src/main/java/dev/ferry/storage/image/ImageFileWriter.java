package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.Manifest;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** Writes an image of a store as an {@link ImageFile}; each chunk is verified on its way. */
public final class ImageFileWriter {
    /** Groups of neighbours that are on their way from the store at a time. */
    private static final int MOST_AHEAD = 4;

    private final List<ChunkFetcher.Wanted> wanted = new ArrayList<>();
    private final Map<ChunkName, ChunkPlace> places = new HashMap<>();
    private long bytes;

    private ImageFileWriter() {}

    /**
     * @return bytes that were written
     * @throws FerryException CHUNK_CORRUPT, CHUNK_MISSING, STORE_*; the file has no end then
     */
    public static long write(Manifest manifest, ChunkFetcher fetcher, OutputStream to) throws IOException {
        return new ImageFileWriter().run(manifest, fetcher, to);
    }

    private long run(Manifest manifest, ChunkFetcher fetcher, OutputStream to) throws IOException {
        ImageFile.lists(manifest).forEach(list -> place(manifest, list));
        Manifest.Builder ofFile = ManifestLists.map(manifest, this::placed).toBuilder().clearPacks();
        if (!wanted.isEmpty()) {
            ofFile.addPacks(ImageFile.PACK);
        }
        ByteBuffer object = ManifestFormat.write(ofFile.setFormatVersion(ManifestFormat.VERSION).build());
        to.write(ImageFile.MAGIC);
        to.write(ByteBuffer.allocate(Long.BYTES).putLong(object.remaining()).array());
        to.write(object.array(), object.arrayOffset() + object.position(), object.remaining());
        long written = ImageFile.MAGIC.length + Long.BYTES + object.remaining() + bytes + ImageFile.END.length;
        chunks(manifest.getImage().getId(), fetcher, to);
        to.write(ImageFile.END);
        return written;
    }

    /** Gives each chunk that was not seen before the next place in the file. */
    private void place(Manifest manifest, ChunkList list) {
        for (int i = 0; i < list.getLengthsCount(); i++) {
            ChunkName name = ChunkName.of(list.getHashes(), i);
            int stored = list.getStored(i);
            if (stored > 0 && places.putIfAbsent(name, new ChunkPlace(ImageFile.PACK, bytes, stored)) == null) {
                wanted.add(ChunkFetcher.Wanted.of(manifest, list, i));
                bytes += stored;
            }
        }
    }

    private ChunkList placed(ChunkList list) {
        return moved(list, places, pack -> 0);
    }

    /**
     * The same chunks in other places.
     *
     * @param index of a pack's key in the manifest
     */
    static ChunkList moved(ChunkList list, Map<ChunkName, ChunkPlace> places, java.util.function.ToIntFunction<String> index) {
        ChunkList.Builder moved = list.toBuilder();
        for (int i = 0; i < list.getLengthsCount(); i++) {
            ChunkPlace place = list.getStored(i) == 0 ? null : places.get(ChunkName.of(list.getHashes(), i));
            if (place != null) {
                moved.setPack(i, index.applyAsInt(place.pack())).setOffset(i, place.offset()).setStored(i, place.stored());
            }
        }
        return moved.build();
    }

    private void chunks(String image, ChunkFetcher fetcher, OutputStream to) throws IOException {
        fetcher.<IOException>inOrder(image, ImageVerifier.groups(wanted), MOST_AHEAD, (group, content) -> write(content, to));
    }

    private static void write(CompletableFuture<Fetched> group, OutputStream to) throws IOException {
        try (Fetched fetched = group.join()) {
            for (ByteBuffer chunk : fetched.stored()) {
                byte[] bytes = new byte[chunk.remaining()];
                chunk.get(bytes);
                to.write(bytes);
            }
        } catch (CompletionException failed) {
            throw failed.getCause() instanceof FerryException known ? known : failed;
        }
    }
}
