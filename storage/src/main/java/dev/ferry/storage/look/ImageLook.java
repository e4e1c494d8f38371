package dev.ferry.storage.look;

import com.google.protobuf.ByteString;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.ImageContent;
import dev.ferry.proto.v1.ImageDiff;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.PartDiff;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.proto.v1.StoredVolume;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.ImageReader;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** Looks into images: what they hold, what each saving made of it, what two of them share. */
public final class ImageLook {
    private static final int NAME_BYTES = 32;

    /** CRIU's own files are small; one that is larger than this is memory. */
    private static final long LARGEST_FILE = 64 << 20;

    private ImageLook() {}

    /**
     * @throws dev.ferry.common.FerryException CHUNK_CORRUPT, CHUNK_MISSING, STORE_*
     */
    public static ImageContent content(ImageReader image) {
        Manifest manifest = image.manifest();
        List<String> names = manifest.getFilesList().stream().map(StoredFile::getName).toList();
        ImageContent.Builder content;
        try {
            content = ProcessTree.read(names, name -> read(image, name));
        } catch (IllegalArgumentException unknown) {
            content = ImageContent.newBuilder().setUnreadable("CRIU's files are not of the form that is known here: " + unknown.getMessage());
        }
        return savings(manifest, content).build();
    }

    private static Optional<CriuFile> read(ImageReader image, String name) {
        return image.file(name).filter(file -> file.getSize() <= LARGEST_FILE).map(file -> CriuFile.parse(name, bytes(image.open(file.getChunks()))));
    }

    private static byte[] bytes(ByteSource source) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        try (source) {
            for (ByteBuffer piece = source.next(); piece != null; piece = source.next()) {
                byte[] some = new byte[piece.remaining()];
                piece.get(some);
                all.writeBytes(some);
            }
        }
        return all.toByteArray();
    }

    /** All runs of bytes of an image, by the name of the part they are in. */
    private static Map<String, List<ChunkList>> parts(Manifest manifest) {
        Map<String, List<ChunkList>> parts = new LinkedHashMap<>();
        manifest.getFilesList().forEach(file -> parts.put(file.getName(), List.of(file.getChunks())));
        for (StoredVolume volume : manifest.getVolumesList()) {
            parts.put(volume.getName() + "/", volume.getEntriesList().stream().map(VolumeEntry::getChunks).toList());
        }
        return parts;
    }

    private static ImageContent.Builder savings(Manifest manifest, ImageContent.Builder content) {
        Set<ByteString> seen = new HashSet<>();
        for (List<ChunkList> runs : parts(manifest).values()) {
            for (ChunkList run : runs) {
                for (int i = 0; i < run.getLengthsCount(); i++) {
                    content.setPlainBytes(content.getPlainBytes() + run.getLengths(i));
                    if (run.getStored(i) > 0) {
                        content.setNonZeroBytes(content.getNonZeroBytes() + run.getLengths(i));
                        if (seen.add(name(run, i))) {
                            content.setUniqueBytes(content.getUniqueBytes() + run.getLengths(i));
                            content.setStoredBytes(content.getStoredBytes() + run.getStored(i));
                        }
                    }
                }
            }
        }
        return content;
    }

    private static ByteString name(ChunkList run, int index) {
        return run.getHashes().substring(index * NAME_BYTES, (index + 1) * NAME_BYTES);
    }

    /** What two images share, by their chunks: no content is read. */
    public static ImageDiff diff(Manifest first, Manifest second) {
        Set<ByteString> inFirst = names(first);
        Set<ByteString> inSecond = names(second);
        ImageDiff.Builder diff = ImageDiff.newBuilder().setFirst(first.getImage()).setSecond(second.getImage());
        Map<String, List<ChunkList>> firstParts = parts(first);
        Map<String, List<ChunkList>> secondParts = parts(second);
        Set<String> all = new TreeSet<>(firstParts.keySet());
        all.addAll(secondParts.keySet());
        for (String part : all) {
            List<ChunkList> before = firstParts.getOrDefault(part, List.of());
            List<ChunkList> after = secondParts.getOrDefault(part, List.of());
            diff.addParts(
                    PartDiff.newBuilder()
                            .setName(part)
                            .setInFirst(firstParts.containsKey(part))
                            .setInSecond(secondParts.containsKey(part))
                            .setFirstBytes(bytes(before, Set.of()))
                            .setSecondBytes(bytes(after, Set.of()))
                            .setGoneBytes(bytes(before, inSecond))
                            .setNewBytes(bytes(after, inFirst)));
        }
        for (PartDiff part : diff.getPartsList()) {
            diff.setGoneBytes(diff.getGoneBytes() + part.getGoneBytes()).setNewBytes(diff.getNewBytes() + part.getNewBytes());
        }
        return diff.addAllChangedFiles(changedFiles(first, second)).build();
    }

    private static Set<ByteString> names(Manifest manifest) {
        Set<ByteString> names = new HashSet<>();
        parts(manifest).values().forEach(runs -> runs.forEach(run -> {
            for (int i = 0; i < run.getLengthsCount(); i++) {
                if (run.getStored(i) > 0) {
                    names.add(name(run, i));
                }
            }
        }));
        return names;
    }

    /** Bytes that are not zero and not among some chunks. */
    private static long bytes(List<ChunkList> runs, Set<ByteString> without) {
        long bytes = 0;
        for (ChunkList run : runs) {
            for (int i = 0; i < run.getLengthsCount(); i++) {
                if (run.getStored(i) > 0 && !without.contains(name(run, i))) {
                    bytes += run.getLengths(i);
                }
            }
        }
        return bytes;
    }

    /** Files of volumes: +new, -gone, ~with other content. */
    private static List<String> changedFiles(Manifest first, Manifest second) {
        Map<String, VolumeEntry> before = files(first);
        Map<String, VolumeEntry> after = files(second);
        Set<String> changed = new TreeSet<>(java.util.Comparator.comparing((String line) -> line.substring(1)));
        before.keySet().stream().filter(path -> !after.containsKey(path)).forEach(path -> changed.add("-" + path));
        after.forEach((path, entry) -> {
            VolumeEntry old = before.get(path);
            if (old == null) {
                changed.add("+" + path);
            } else if (old.getKind() != entry.getKind() || !old.getChunks().getHashes().equals(entry.getChunks().getHashes()) || !old.getTarget().equals(entry.getTarget())) {
                changed.add("~" + path);
            }
        });
        return List.copyOf(changed);
    }

    private static Map<String, VolumeEntry> files(Manifest manifest) {
        Map<String, VolumeEntry> files = new LinkedHashMap<>();
        manifest.getVolumesList().forEach(volume -> volume.getEntriesList().forEach(entry -> files.put(volume.getName() + "/" + entry.getPath().toStringUtf8(), entry)));
        return files;
    }
}
