package dev.ferry.node.criu;

import dev.ferry.node.posix.Posix;
import dev.ferry.node.sandbox.NativeHelper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/**
 * Has criu fill huge pages at a restore where a job's memory fills them whole. Making memory of 4 KiB a page is most of what a restore of a large job does; {@code ferry-pages.c} says how it
 * is done and what stays as it was. A machine whose administrator wants no huge pages at all, or whose kernel has none, does without.
 */
final class HugePages {
    private static final Path ENABLED = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
    private static final String LIBRARY = "libferry-pages.so";

    private HugePages() {}

    /**
     * What criu's environment must hold for it.
     *
     * @param runFolder where the library is put; criu sees it under the same name
     */
    static Map<String, String> environment(Path runFolder) throws IOException {
        if (!areWanted(Posix.readSmall(ENABLED).orElse("[never]"))) {
            return Map.of();
        }
        Path library = runFolder.resolve(LIBRARY);
        NativeHelper.installPages(library);
        return Map.of("LD_PRELOAD", library.toString());
    }

    /**
     * @param enabled as the kernel writes it, for example {@code always [madvise] never}
     */
    static boolean areWanted(String enabled) {
        return !enabled.contains("[never]");
    }
}
