package dev.ferry.storage;

import com.github.luben.zstd.util.Native;
import dev.ferry.common.PrivateFolder;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** The compressor's native library, which its jar unpacks when it is first used. */
public final class ZstdLibrary {
    private ZstdLibrary() {}

    /**
     * Loads it before it is needed, from a folder of the process's own: in the folder for temporary files a process that is killed at that moment would leave it for good. What the last process left is removed.
     *
     * @param folder of one process at a time
     */
    public static void loadIn(Path folder) throws IOException {
        if (Native.isLoaded()) {
            return;
        }
        PrivateFolder.make(folder);
        try (DirectoryStream<Path> left = Files.newDirectoryStream(folder, "libzstd-jni-*")) {
            for (Path file : left) {
                Files.deleteIfExists(file);
            }
        }
        System.setProperty("ZstdTempFolder", folder.toString());
        Native.load();
    }
}
