package dev.ferry.cli.slurm;

import dev.ferry.scheduling.priority.PriorityJob;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The partitions of a case: lines of {@code scontrol show partition} or of slurm.conf, where a line for DEFAULT says what those after it have unless they say otherwise. */
final class CasePartitions {
    private static final String NAME = "PartitionName";
    private static final String DEFAULT = "DEFAULT";

    private final CaseFile file;
    private final Map<String, Partition> byName = new LinkedHashMap<>();

    /**
     * @param factor PriorityJobFactor
     * @param tier PriorityTier: a job of several partitions tries those with the highest first
     * @param minutes MaxTime, {@link PriorityJob#UNLIMITED} for none
     */
    record Partition(String name, long factor, long tier, long minutes) {}

    CasePartitions(CaseFile file) {
        this.file = file;
        Map<String, String> byDefault = new LinkedHashMap<>();
        file.array("partitions")
                .forEach(
                        line -> {
                            Map<String, String> said = CaseFile.pairs(line.asText());
                            if (!said.containsKey(NAME)) {
                                throw file.wrong("has a partition without " + NAME + ": '" + line.asText() + "'");
                            }
                            Map<String, String> all = new LinkedHashMap<>(byDefault);
                            // Priority sets both, and so does not stand behind what the line for DEFAULT says of either.
                            if (said.containsKey("Priority")) {
                                all.keySet().removeAll(List.of("PriorityJobFactor", "PriorityTier"));
                            }
                            all.putAll(said);
                            String name = all.getOrDefault(NAME, "");
                            if (name.equalsIgnoreCase(DEFAULT)) {
                                byDefault.putAll(all);
                            } else {
                                byName.put(name, partition(name, all));
                            }
                        });
    }

    private Partition partition(String name, Map<String, String> fields) {
        String both = fields.getOrDefault("Priority", "1");
        String where = "partition " + name + "'s ";
        return new Partition(
                name, file.whole(fields.getOrDefault("PriorityJobFactor", both), where + "PriorityJobFactor"), file.whole(fields.getOrDefault("PriorityTier", both), where + "PriorityTier"),
                minutes(fields.getOrDefault("MaxTime", "UNLIMITED"), where + "MaxTime"));
    }

    /** A time limit; a word such as UNLIMITED or INFINITE is none. */
    long minutes(String limit, String where) {
        return limit.isEmpty() || !Character.isDigit(limit.charAt(0)) ? PriorityJob.UNLIMITED : Math.max(1, file.span(limit, where) / 60);
    }

    /** The highest factor of any; 1 if none is higher. */
    long highest() {
        return byName.values().stream().mapToLong(Partition::factor).reduce(1, Math::max);
    }

    /** Those that a job names, in the order in which they are tried. */
    List<Partition> of(long job, String names) {
        List<Partition> found = new ArrayList<>();
        for (String name : names.split(",")) {
            Partition partition = byName.get(name);
            if (partition == null) {
                throw file.wrong("has job " + job + " of partition '" + name + "'; it knows " + (byName.isEmpty() ? "none" : String.join(", ", byName.keySet())));
            }
            found.add(partition);
        }
        found.sort(Comparator.comparingLong(Partition::tier).reversed());
        return found;
    }
}
