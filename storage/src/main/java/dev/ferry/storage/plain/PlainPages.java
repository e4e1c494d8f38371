package dev.ferry.storage.plain;

import dev.ferry.storage.look.CriuFile;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;

/** Whether all memory that a dump speaks of is in it. */
final class PlainPages {
    private static final int PAGE = 4096;
    private static final int LAZY = 1 << 1;
    private static final int PRESENT = 1 << 2;

    private PlainPages() {}

    /**
     * @param sizes bytes of a file that is there
     * @return bytes of memory
     * @throws dev.ferry.common.FerryException INVALID_ARGUMENT that says which memory is missing
     */
    static long require(PlainDump dump, ToLongFunction<String> sizes) {
        Set<String> problems = new LinkedHashSet<>();
        Map<String, Long> wanted = new LinkedHashMap<>();
        for (PlainDump.Task task : dump.tasks()) {
            String name = "pagemap-" + task.pid() + ".img";
            if (!task.threads().isEmpty() && !dump.has(name)) {
                problems.add(name + " is missing: it is not a whole dump");
            }
        }
        for (String name : dump.files().names()) {
            if (name.startsWith("pagemap-")) {
                count(dump.file(name), name, wanted, problems);
            }
        }
        wanted.forEach((pages, bytes) -> {
            if (!dump.has(pages)) {
                problems.add(pages + " is missing, which holds memory");
            } else if (sizes.applyAsLong(pages) < bytes) {
                problems.add(pages + " has " + sizes.applyAsLong(pages) + " bytes, and should have " + bytes + ": it was cut off");
            }
        });
        PlainCheck.refuse(problems);
        return wanted.values().stream().mapToLong(Long::longValue).sum();
    }

    /** The first entry says which file has the pages, each other one is a run of them. */
    private static void count(CriuFile pagemap, String name, Map<String, Long> wanted, Set<String> problems) {
        long bytes = 0;
        for (CriuFile.Entry run : pagemap.entries().stream().skip(1).toList()) {
            long flags = run.has(4) ? run.number(4) : PRESENT;
            if ((flags & PRESENT) != 0 && run.number(3) == 0) {
                bytes += PAGE * (run.has(5) ? run.number(5) : run.number(2));
            } else if ((flags & LAZY) != 0) {
                problems.add("memory of " + name + " stayed where it was (criu dump --lazy-pages): dump it without");
            } else {
                problems.add("memory of " + name + " is in another dump (criu dump --prev-images-dir): dump it once more without");
            }
        }
        if (bytes > 0) {
            wanted.merge("pages-" + pagemap.entries().getFirst().number(1) + ".img", bytes, Long::sum);
        }
    }
}
