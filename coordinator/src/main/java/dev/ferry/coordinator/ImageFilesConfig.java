package dev.ferry.coordinator;

import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import java.util.ArrayList;
import java.util.List;

/**
 * What moving images as files may cost the coordinator, through which they go. Sizes are written 500GiB, times 30s, 2m.
 *
 * @param largest how many bytes a file that is imported may have
 * @param parallel how many files are moved at a time; all together take a third of the heap, and half a KiB for each chunk
 * @param silence after how long without a byte taken or given a transfer is given up, and how long one waits for its turn
 */
public record ImageFilesConfig(String largest, int parallel, String silence) {
    private static final int MOST_PARALLEL = 64;

    public static ImageFilesConfig defaults() {
        return new ImageFilesConfig("1TiB", 4, "2m");
    }

    /** One line for each thing that is wrong, beginning with the key. */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        try {
            if (Sizes.parse(largest) <= 0) {
                problems.add("largest: must be more than 0");
            }
        } catch (FerryException wrong) {
            problems.add("largest: " + wrong.getMessage());
        }
        if (parallel < 1 || parallel > MOST_PARALLEL) {
            problems.add("parallel: must be 1 to " + MOST_PARALLEL);
        }
        try {
            if (Durations.parse(silence).isZero()) {
                problems.add("silence: must not be zero");
            }
        } catch (FerryException wrong) {
            problems.add("silence: " + wrong.getMessage());
        }
        return problems;
    }
}
