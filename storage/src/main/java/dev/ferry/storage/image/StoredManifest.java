package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.ManifestHead;
import dev.ferry.proto.v1.ManifestPart;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.proto.v1.StoredVolume;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.ObjectStore;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A manifest in a store, of which only what is asked for is read: the head at first, then the tree of files and
 * volumes, then single long lists. Used by one thread.
 */
public final class StoredManifest {
    private final ObjectStore store;
    private final String image;
    private final int together;
    private final @Nullable ManifestHead head;
    private final long begin;
    private @Nullable Manifest tree;

    private StoredManifest(ObjectStore store, String image, int together, @Nullable ManifestHead head, long begin, @Nullable Manifest tree) {
        this.store = store;
        this.image = image;
        this.together = together;
        this.head = head;
        this.begin = begin;
        this.tree = tree;
    }

    /**
     * Reads the head.
     *
     * @throws FerryException IMAGE_NOT_FOUND, MANIFEST_CORRUPT (also when it is that of another image), FORMAT_UNKNOWN, OBJECT_TOO_LARGE, STORE_*
     */
    public static StoredManifest open(ObjectStore store, String image) {
        return open(store, image, 1);
    }

    /**
     * @param together so many manifests may be read at once in this process, which have one's memory together
     * @throws FerryException as {@link #open(ObjectStore, String)}; OBJECT_TOO_LARGE also of one that could be read alone
     */
    public static StoredManifest open(ObjectStore store, String image, int together) {
        String key = Keys.manifest(image);
        byte[] preamble = new byte[ManifestFormat.PREAMBLE];
        try {
            store.read(key, 0, ByteBuffer.wrap(preamble));
            if (!ManifestFormat.isFirstFormat(preamble)) {
                byte[] bytes = new byte[ManifestFormat.headLength(image, preamble)];
                store.read(key, ManifestFormat.PREAMBLE, ByteBuffer.wrap(bytes));
                ManifestHead head = ManifestFormat.head(image, preamble, ByteBuffer.wrap(bytes), ReadBudget.ofManifest(image, together));
                ManifestFormat.requireOf(image, head.getImage());
                return new StoredManifest(store, image, together, head, ManifestFormat.PREAMBLE + (long) bytes.length, null);
            }
        } catch (FerryException ends) {
            if (ends.code() != ErrorCode.CHUNK_MISSING) {
                throw ends;
            }
        }
        // Of the first format, not there, or shorter than it says: the whole object tells which.
        Optional<byte[]> object = store.get(key);
        if (object.isEmpty()) {
            throw new FerryException(ErrorCode.IMAGE_NOT_FOUND, "Image " + image + " is not in " + store.describe());
        }
        return new StoredManifest(store, image, together, null, 0, ManifestFormat.readOf(image, object.get(), ReadBudget.ofManifest(image, together)));
    }

    public Image image() {
        return head == null ? tree().getImage() : head.getImage();
    }

    public JobSpec spec() {
        return head == null ? tree().getSpec() : head.getSpec();
    }

    /** Random letters of the dump that wrote it; empty: of a Ferry that did not record it. */
    public String writer() {
        return head == null ? tree().getWriter() : head.getWriter();
    }

    /** All but the chunks of long runs of bytes: what {@link #list} is for. */
    public Manifest tree() {
        Manifest read = tree;
        if (read == null && head != null) {
            ReadBudget budget = ReadBudget.ofManifest(image, together);
            read = ManifestFormat.tree(image, head, part(head, 0, budget), budget);
            tree = read;
        }
        if (read == null) {
            throw new IllegalStateException("a manifest without a head has its tree");
        }
        return read;
    }

    /**
     * The chunks of a file or entry of the tree.
     *
     * @throws FerryException MANIFEST_CORRUPT, STORE_*
     */
    public ChunkList list(ChunkList ofTree) {
        if (head == null) {
            return ofTree;
        }
        ReadBudget budget = ReadBudget.ofManifest(image, together);
        return ManifestLists.whole(image, tree(), ofTree, index -> list(head, index, budget), budget);
    }

    /** The whole manifest, as everything that handles content wants it. */
    public Manifest whole() {
        if (head == null) {
            return tree();
        }
        ReadBudget budget = ReadBudget.ofManifest(image, together);
        return ManifestLists.putBack(image, tree(), ManifestFormat.once(image, index -> list(head, index, budget)), budget);
    }

    /** How many chunks it has, a file or an entry of a volume counted as two, for it takes as much memory. Lists that are parts of their own are read for that, one after the other, and not kept. */
    public long pieces() {
        long pieces = 2L * tree().getFilesCount();
        for (StoredFile file : tree().getFilesList()) {
            pieces += chunks(file.getChunks());
        }
        for (StoredVolume volume : tree().getVolumesList()) {
            pieces += 2L * volume.getEntriesCount();
            for (VolumeEntry entry : volume.getEntriesList()) {
                pieces += chunks(entry.getChunks());
            }
        }
        return pieces;
    }

    private long chunks(ChunkList ofTree) {
        if (head == null) {
            return ofTree.getLengthsCount();
        }
        try {
            return ChunkListFormat.count(ofTree.getPart() == 0 ? ofTree : list(head, ofTree.getPart(), ReadBudget.ofManifest(image, together)));
        } catch (IOException malformed) {
            throw ManifestFormat.corrupt(image, malformed);
        }
    }

    /** Where a chunk lies. */
    public interface Places {
        /**
         * @param pack its key
         * @param offset in bytes
         * @param stored its length there, in bytes
         */
        void chunk(String pack, long offset, int stored);
    }

    /**
     * Says where each stored chunk lies. Lists that are parts of their own are read for that, one after the other, and not kept.
     *
     * @throws FerryException MANIFEST_CORRUPT, STORE_*
     */
    public void places(Places to) {
        for (StoredFile file : tree().getFilesList()) {
            places(file.getChunks(), to);
        }
        for (StoredVolume volume : tree().getVolumesList()) {
            for (VolumeEntry entry : volume.getEntriesList()) {
                places(entry.getChunks(), to);
            }
        }
    }

    private void places(ChunkList ofTree, Places to) {
        Manifest manifest = tree();
        if (head == null) {
            for (int i = 0; i < ofTree.getLengthsCount(); i++) {
                if (ofTree.getStored(i) > 0) {
                    to.chunk(manifest.getPacks(ofTree.getPack(i)), ofTree.getOffset(i), ofTree.getStored(i));
                }
            }
            return;
        }
        ChunkList packed = ofTree.getPart() == 0 ? ofTree : list(head, ofTree.getPart(), ReadBudget.ofManifest(image, together));
        try {
            ChunkListFormat.places(packed, manifest.getPacksCount(), (pack, offset, stored) -> to.chunk(manifest.getPacks(pack), offset, stored));
        } catch (IOException | ArithmeticException malformed) {
            throw ManifestFormat.corrupt(image, String.valueOf(malformed.getMessage()));
        }
    }

    private ChunkList list(ManifestHead from, int index, ReadBudget budget) {
        ByteBuffer bytes = part(from, index, budget);
        ChunkList list = ManifestFormat.list(image, from, index, bytes, budget);
        // What it was read from is not kept.
        budget.giveBack(bytes.capacity());
        return list;
    }

    private ByteBuffer part(ManifestHead from, int index, ReadBudget budget) {
        if (index < 0 || index >= from.getPartsCount()) {
            throw ManifestFormat.corrupt(image, "it has no part " + index);
        }
        budget.take(from.getParts(index).getLength());
        long offset = begin + from.getPartsList().subList(0, index).stream().mapToLong(ManifestPart::getLength).sum();
        ByteBuffer bytes = ByteBuffer.wrap(new byte[from.getParts(index).getLength()]);
        try {
            store.read(Keys.manifest(image), offset, bytes);
        } catch (FerryException ends) {
            if (ends.code() != ErrorCode.CHUNK_MISSING) {
                throw ends;
            }
            if (store.get(Keys.manifest(image)).filter(object -> !Records.isRecord(object)).isEmpty()) {
                throw new FerryException(ErrorCode.IMAGE_NOT_FOUND, "Image " + image + " was deleted from " + store.describe() + " while its manifest was read", ends);
            }
            throw ManifestFormat.corrupt(image, "it ends before its part " + index);
        }
        return bytes.flip();
    }
}
