package dev.ferry.storage;

import com.github.luben.zstd.util.Native;
import dev.ferry.common.UnpackedLibrary;
import java.io.IOException;
import java.nio.file.Path;

/** The compressor's native library. */
public final class ZstdLibrary {
    private ZstdLibrary() {}

    /**
     * Loads it before it is needed.
     *
     * @param folder of one process at a time, into which it is unpacked
     */
    public static void loadIn(Path folder) throws IOException {
        if (!Native.isLoaded()) {
            UnpackedLibrary.keepIn(folder, "libzstd-jni-*", "ZstdTempFolder");
            Native.load();
        }
    }
}
