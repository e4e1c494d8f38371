package dev.ferry.storage.plain;

import dev.ferry.proto.v1.StoredFile;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.ImageReader;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.stream.Collectors;

/** The files of a dump that is in the store. */
public record PlainImage(ImageReader image) implements PlainFiles {
    private static final long LARGEST_FILE = 64 << 20;

    @Override
    public Set<String> names() {
        return image.manifest().getFilesList().stream().map(StoredFile::getName).collect(Collectors.toSet());
    }

    @Override
    public byte[] read(String name) {
        StoredFile file = image.file(name).orElseThrow(() -> PlainDump.refused(name + " is not in its image"));
        if (file.getSize() > LARGEST_FILE) {
            throw PlainDump.refused(name + " has " + file.getSize() + " bytes, and no such file of CRIU has more than " + LARGEST_FILE);
        }
        ByteBuffer all = ByteBuffer.allocate((int) file.getSize());
        try (ByteSource source = image.open(file.getChunks())) {
            for (ByteBuffer piece = source.next(); piece != null; piece = source.next()) {
                all.put(piece);
            }
        }
        return all.array();
    }
}
