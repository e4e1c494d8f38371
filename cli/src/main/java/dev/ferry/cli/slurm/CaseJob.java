package dev.ferry.cli.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import dev.ferry.scheduling.tres.Tres;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/** A job of a case: what {@code scontrol show job} said of it. */
final class CaseJob {
    private static final String PRIORITY = "Priority";
    private static final String ELIGIBLE = "EligibleTime";

    private final CaseFile file;
    private final long id;
    private final Map<String, String> fields;
    private final Tres tres;

    private CaseJob(CaseFile file, long id, Map<String, String> fields) {
        this.file = file;
        this.id = id;
        this.fields = fields;
        String key = fields.containsKey("ReqTRES") ? "ReqTRES" : "TRES";
        tres = file.tres(need(key), "job " + id + " with a " + key);
    }

    /**
     * Those that {@code sprio} lists, by id: waiting and neither held nor yet to become eligible.
     *
     * @param flags PriorityFlags: with CALCULATE_RUNNING it lists running jobs too, with ACCRUE_ALWAYS those that are not yet eligible
     */
    static SortedMap<Long, CaseJob> listed(CaseFile file, Set<String> flags) {
        SortedMap<Long, Map<String, String>> lines = lines(file);
        long now = lines.values().stream().mapToLong(fields -> Math.max(instant(file, fields, "LastSchedEval"), instant(file, fields, "SubmitTime"))).max().orElse(0);
        boolean running = flags.contains("CALCULATE_RUNNING");
        boolean always = flags.contains("ACCRUE_ALWAYS");
        SortedMap<Long, CaseJob> jobs = new TreeMap<>();
        lines.forEach(
                (id, fields) -> {
                    long eligible = instant(file, fields, ELIGIBLE);
                    boolean early = fields.containsKey(ELIGIBLE) && (eligible == 0 || eligible > now);
                    if ((running || fields.getOrDefault("JobState", "PENDING").equals("PENDING")) && !fields.getOrDefault(PRIORITY, "1").equals("0") && (always || !early)) {
                        jobs.put(id, new CaseJob(file, id, fields));
                    }
                });
        return jobs;
    }

    /** All jobs' lines: an object with the ids as keys, or an array of lines that name their JobId. */
    private static SortedMap<Long, Map<String, String>> lines(CaseFile file) {
        SortedMap<Long, Map<String, String>> lines = new TreeMap<>();
        JsonNode jobs = file.node("jobs");
        if (!jobs.isObject()) {
            file.array("jobs").forEach(line -> {
                Map<String, String> fields = CaseFile.pairs(line.asText());
                lines.put(file.whole(fields.getOrDefault("JobId", ""), "the JobId of '" + line.asText() + "' in 'jobs'"), fields);
            });
        }
        jobs.properties().forEach(job -> lines.put(file.whole(job.getKey(), "a job's id"), CaseFile.pairs(job.getValue().asText())));
        return lines;
    }

    private static long instant(CaseFile file, Map<String, String> fields, String key) {
        String text = fields.getOrDefault(key, "");
        return !text.isEmpty() && Character.isDigit(text.charAt(0)) ? file.instant(text, "job " + fields.getOrDefault("JobId", "") + "'s " + key) : 0;
    }

    String need(String key) {
        String value = fields.get(key);
        if (value == null) {
            throw file.wrong("has job " + id + " without " + key);
        }
        return value;
    }

    long id() {
        return id;
    }

    /** What it asks for, or has if it runs. */
    Tres tres() {
        return tres;
    }

    /** A time in seconds; 0 if it isn't known. */
    long instant(String key) {
        return instant(file, fields, key);
    }

    long submitted() {
        return instant("SubmitTime");
    }

    long accruesSince() {
        return instant(fields.containsKey("AccrueTime") ? "AccrueTime" : ELIGIBLE);
    }

    String user() {
        return need("UserId").replaceFirst("\\(.*", "");
    }

    long nodes() {
        return first("NumNodes", 1);
    }

    long cpus() {
        return first("NumCPUs", tres.get(Tres.CPU));
    }

    /** A range such as 1-4 counts with its lower end. */
    private long first(String key, long without) {
        return fields.containsKey(key) ? file.whole(need(key).replaceFirst("-.*", ""), where(key)) : without;
    }

    /** A number that may be missing: 0 then. */
    long whole(String key) {
        return fields.containsKey(key) ? file.whole(need(key), where(key)) : 0;
    }

    boolean hasPriority() {
        return fields.containsKey(PRIORITY);
    }

    long priority() {
        return file.whole(need(PRIORITY), where(PRIORITY));
    }

    private String where(String key) {
        return "job " + id + "'s " + key;
    }

    /** Its time limit in a partition, in minutes. */
    long minutes(CasePartitions partitions, CasePartitions.Partition partition) {
        String limit = fields.getOrDefault("TimeLimit", "UNLIMITED");
        return limit.isEmpty() || limit.equals("Partition_Limit") ? partition.minutes() : partitions.minutes(limit, where("TimeLimit"));
    }
}
