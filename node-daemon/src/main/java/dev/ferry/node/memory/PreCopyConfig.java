package dev.ferry.node.memory;

import dev.ferry.common.Configs;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * What copying a job ahead, while it runs, may cost its node.
 *
 * @param bandwidth bytes of the job's memory that are read in a second
 * @param cpus how many of the node's CPUs the daemon may use meanwhile: a number, or a percentage of all of them
 * @param rounds how often the memory is read at most
 * @param time after which no new round begins; the first one ends where it is then
 */
public record PreCopyConfig(String bandwidth, String cpus, int rounds, String time) implements Configs.Checked {
    private static final Pattern PERCENT = Pattern.compile("(\\d{1,3}(?:\\.\\d{1,9})?) ?%");
    /** Also as a YAML parser writes a small number. */
    private static final Pattern NUMBER = Pattern.compile("\\d{1,4}(?:\\.\\d{1,20})?(?:E-\\d{1,2})?");

    /** A twentieth of the machine: jobs beside are to be slowed down by less than that. */
    public static PreCopyConfig defaults() {
        return new PreCopyConfig("512MiB", "5%", 4, "2m");
    }

    /**
     * How many CPUs it may use.
     *
     * @param processors of the machine
     */
    public double cpusOf(int processors) {
        var percent = PERCENT.matcher(cpus);
        return percent.matches() ? processors * Double.parseDouble(percent.group(1)) / 100 : Double.parseDouble(cpus);
    }

    @Override
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        try {
            if (Sizes.parse(bandwidth) < 1 << 20) {
                problems.add("bandwidth: must be at least 1MiB");
            }
        } catch (FerryException wrong) {
            problems.add("bandwidth: " + wrong.getMessage());
        }
        if (!PERCENT.matcher(cpus).matches() && !NUMBER.matcher(cpus).matches()) {
            problems.add("cpus: '" + cpus + "' is neither a number of CPUs nor a percentage, as in 0.5 or 5%");
        } else if (cpusOf(1) <= 0) {
            problems.add("cpus: must be more than 0");
        }
        if (rounds < 1) {
            problems.add("rounds: must be at least 1");
        }
        try {
            if (Durations.parse(time).isZero()) {
                problems.add("time: must not be zero");
            }
        } catch (FerryException wrong) {
            problems.add("time: " + wrong.getMessage());
        }
        return problems;
    }
}
