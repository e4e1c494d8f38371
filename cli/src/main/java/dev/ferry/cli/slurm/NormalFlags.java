package dev.ferry.cli.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import dev.ferry.scheduling.priority.PriorityFlag;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Those of PriorityFlags that change a job's factors.
 *
 * <p>{@code scontrol show config} of the Slurms of that time writes NO_NORMAL_ALL if any one of the four NO_NORMAL flags is set. So with that word each of the four counts unless what was recorded of its
 * factor shows parts of a highest: then none is above 1, while the numbers themselves are whole and, where they matter, above 1.
 */
final class NormalFlags {
    private static final String ALL = "NO_NORMAL_ALL";
    private static final Map<PriorityFlag, Pattern> LOGGED = Map.of(
            PriorityFlag.NO_NORMAL_ASSOC, Pattern.compile("Weighted Assoc priority is (\\d+\\.\\d+) \\*"),
            PriorityFlag.NO_NORMAL_PART, Pattern.compile("Weighted Partition priority is (\\d+\\.\\d+) \\*"),
            PriorityFlag.NO_NORMAL_QOS, Pattern.compile("Weighted QOS priority is (\\d+\\.\\d+) \\*"),
            PriorityFlag.NO_NORMAL_TRES, Pattern.compile("Weighted TRES:\\S+ is (\\d+\\.\\d+) \\*"));
    /** Columns of {@code sprio -n -l}. */
    private static final Map<PriorityFlag, Integer> COLUMNS = Map.of(PriorityFlag.NO_NORMAL_ASSOC, 5, PriorityFlag.NO_NORMAL_PART, 8, PriorityFlag.NO_NORMAL_QOS, 9, PriorityFlag.NO_NORMAL_TRES, 10);
    private static final Pattern NUMBER = Pattern.compile("(?:^|=)(\\d+\\.\\d{2,7})(?=,|$)");

    private NormalFlags() {}

    static Set<PriorityFlag> of(CaseFile file) {
        Set<String> words = file.flags();
        Set<PriorityFlag> flags = EnumSet.noneOf(PriorityFlag.class);
        for (PriorityFlag flag : PriorityFlag.values()) {
            if (words.contains(flag.name()) || words.contains(ALL) && LOGGED.containsKey(flag) && !isPart(recorded(file, flag))) {
                flags.add(flag);
            }
        }
        return flags;
    }

    private static boolean isPart(List<Double> recorded) {
        double highest = recorded.stream().mapToDouble(Double::doubleValue).max().orElse(0);
        return highest > 0 && highest <= 1;
    }

    private static List<Double> recorded(CaseFile file, PriorityFlag flag) {
        List<Double> found = new ArrayList<>();
        Pattern logged = LOGGED.getOrDefault(flag, NUMBER);
        for (JsonNode line : file.list("priority_log")) {
            Matcher matcher = logged.matcher(line.asText());
            if (matcher.find()) {
                found.add(Double.parseDouble(matcher.group(1)));
            }
        }
        int column = COLUMNS.getOrDefault(flag, 0);
        for (JsonNode line : file.list("sprio_normalised")) {
            String[] columns = line.asText().trim().split("\\s+");
            Matcher matcher = NUMBER.matcher(columns.length > column ? columns[column] : "");
            while (matcher.find()) {
                found.add(Double.parseDouble(matcher.group(1)));
            }
        }
        return found;
    }
}
