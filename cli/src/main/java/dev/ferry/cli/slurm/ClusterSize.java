package dev.ferry.cli.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import dev.ferry.common.FerryException;
import dev.ferry.scheduling.tres.Tres;
import dev.ferry.scheduling.tres.TresWeights;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How large the recorded cluster was: job size and resources count as parts of it, but sprio doesn't print it.
 *
 * <p>A case may say it: {@code "cluster": {"nodes": 1, "tres": "cpu=16,mem=16000M,gres/gpu=8"}}. Else it follows from other figures that were recorded: a job that asks for 2 CPUs and whose
 * part of the CPUs was logged as 0.125000 says that there are 16. Each figure bounds the number by its printed digits; all bounds together leave one.
 */
final class ClusterSize {
    private static final Pattern LOGGED = Pattern.compile("Weighted TRES:(\\S+) is (\\d+\\.(\\d+)) \\*");
    private static final Pattern LOGGED_SIZE = Pattern.compile("Weighted JobSize priority is (\\d+\\.(\\d+)) \\*");
    private static final Pattern JOB_END = Pattern.compile("Job (\\d+) priority:");
    private static final Pattern SHORT = Pattern.compile("([A-Za-z/:_]+)=(\\d+)(?:\\.(\\d+))?(?=[,\\s]|$)");
    private static final int SIZE_COLUMN = 7;
    private static final String EXAMPLE = "\"cluster\": {\"nodes\": 1, \"tres\": \"cpu=16,mem=16000M,gres/gpu=8\"}";

    private final CaseFile file;
    private final Map<Long, Tres> jobs;
    private final Map<String, Bounds> bounds = new HashMap<>();
    private final Map<Long, double[]> sizes = new HashMap<>();

    /** What lies between two numbers. */
    private record Bounds(double low, double high) {
        static final Bounds ALL = new Bounds(0, Double.POSITIVE_INFINITY);

        Bounds and(double from, double to) {
            return new Bounds(Math.max(low, from), Math.min(high, to));
        }

        boolean isEmpty() {
            return low > high;
        }

        /** The roundest whole number in what is left; 0 if it has no end. */
        long whole() {
            if (high == Double.POSITIVE_INFINITY) {
                return 0;
            }
            for (long step = (long) Math.pow(10, Math.floor(Math.log10(Math.max(1, high)))); step > 1; step /= 10) {
                long round = (long) Math.ceil(low / step) * step;
                if (round <= high && round > 0) {
                    return round;
                }
            }
            return Math.round(low == 0 ? high : (low + high) / 2);
        }
    }

    /**
     * @param jobs what the jobs ask for, by id
     */
    ClusterSize(CaseFile file, Map<Long, Tres> jobs) {
        this.file = file;
        this.jobs = jobs;
    }

    /** The cluster's nodes, its CPUs, and what else was recorded of those resources that have a weight. */
    Tres find(TresWeights weights) {
        JsonNode said = file.node("cluster");
        if (said.isObject()) {
            Tres tres = Tres.parse(file.text(said, "tres", "cluster"));
            return said.has("nodes") ? tres.with(Tres.NODE, file.whole(said, "nodes", "cluster")) : tres;
        }
        readLog();
        readNormalized();
        readWeighted(weights);
        Map<String, Long> found = new LinkedHashMap<>();
        bounds.forEach((name, range) -> found.put(name, whole(name, range)));
        found.values().removeIf(count -> count == 0);
        if (!found.containsKey(Tres.CPU)) {
            throw unknown(Tres.CPU);
        }
        Tres tres = Tres.of(found);
        return tres.with(Tres.NODE, nodes(tres.get(Tres.CPU)));
    }

    /**
     * How much of one more resource there was, from jobs whose recorded priority is known but for their points for it.
     *
     * @param parts by job, the bounds of its part of all
     */
    long find(String name, Map<Long, double[]> parts) {
        parts.forEach((job, part) -> narrow(job, name, part[0], part[1]));
        Bounds found = bounds.getOrDefault(name, Bounds.ALL);
        long whole = whole(name, found);
        if (whole == 0) {
            throw unknown(name);
        }
        return whole;
    }

    private long whole(String name, Bounds range) {
        if (range.isEmpty()) {
            throw file.wrong("has figures that contradict each other about how much " + name + " the cluster had; say it: " + EXAMPLE);
        }
        return range.whole();
    }

    private FerryException unknown(String name) {
        return file.wrong("tells nowhere how large the cluster was (how much " + name + " it had); add for example " + EXAMPLE);
    }

    private void readLog() {
        Map<String, double[]> pending = new HashMap<>();
        double[] size = null;
        for (JsonNode line : file.list("priority_log")) {
            Matcher part = LOGGED.matcher(line.asText());
            Matcher sized = LOGGED_SIZE.matcher(line.asText());
            Matcher end = JOB_END.matcher(line.asText());
            if (part.find()) {
                pending.put(part.group(1).toLowerCase(Locale.ROOT), new double[] {Double.parseDouble(part.group(2)), half(part.group(3).length())});
            } else if (sized.find()) {
                size = new double[] {Double.parseDouble(sized.group(1)), half(sized.group(2).length())};
            } else if (end.find()) {
                long job = Long.parseLong(end.group(1));
                pending.forEach((name, printed) -> narrow(job, name, printed[0] - printed[1], printed[0] + printed[1]));
                pending.clear();
                if (size != null) {
                    sizes.put(job, size);
                }
            }
        }
    }

    private void readNormalized() {
        for (String line : lines("sprio_normalised")) {
            String[] columns = line.trim().split("\\s+");
            long job = Long.parseLong(columns[0]);
            if (columns.length > SIZE_COLUMN && columns[SIZE_COLUMN].matches("\\d+\\.\\d+")) {
                sizes.putIfAbsent(job, new double[] {Double.parseDouble(columns[SIZE_COLUMN]), 2 * half(columns[SIZE_COLUMN].length() - 2)});
            }
            Matcher part = SHORT.matcher(columns[columns.length - 1]);
            while (part.find()) {
                String decimals = part.group(3);
                double half = half(decimals == null ? 0 : decimals.length());
                double printed = Double.parseDouble(part.group(2) + (decimals == null ? "" : "." + decimals));
                narrow(job, part.group(1), printed - half, printed + half);
            }
        }
    }

    private void readWeighted(TresWeights weights) {
        for (String line : lines("sprio_l")) {
            String[] columns = line.trim().split("\\s+");
            Matcher part = SHORT.matcher(columns[columns.length - 1]);
            while (part.find()) {
                double weight = weights.byName().getOrDefault(part.group(1), 0.0);
                double points = Double.parseDouble(part.group(2));
                if (weight > 0) {
                    narrow(Long.parseLong(columns[0]), part.group(1), (points - half(0)) / weight, (points + half(0)) / weight);
                }
            }
        }
    }

    private List<String> lines(String key) {
        return file.list(key).stream().map(JsonNode::asText).filter(line -> line.trim().matches("\\d+\\s.*")).toList();
    }

    private static double half(int decimals) {
        return 0.5 * Math.pow(10, -decimals);
    }

    private void narrow(long job, String name, double fromPart, double toPart) {
        Tres asked = jobs.get(job);
        if (asked == null || asked.get(name) == 0 || fromPart <= 0) {
            return;
        }
        bounds.merge(name, Bounds.ALL.and(asked.get(name) / toPart, asked.get(name) / fromPart), (known, more) -> known.and(more.low(), more.high()));
    }

    /** From the size of the jobs: half the part of the nodes and half that of the CPUs, or with small jobs in favour one less that. */
    private long nodes(long cpus) {
        boolean small = file.config("PriorityFavorSmall", "No").equalsIgnoreCase("yes");
        Bounds nodes = Bounds.ALL;
        for (Map.Entry<Long, double[]> size : sizes.entrySet()) {
            Tres asked = jobs.get(size.getKey());
            double printed = size.getValue()[0];
            if (asked == null || printed <= 0 || printed >= 1 || file.flags().contains("SMALL_RELATIVE_TO_TIME")) {
                continue;
            }
            double part = 2 * (small ? 1 - printed : printed) - (double) asked.get(Tres.CPU) / cpus;
            double off = 2 * size.getValue()[1];
            if (part > off) {
                nodes = nodes.and(asked.get(Tres.NODE) / (part + off), asked.get(Tres.NODE) / (part - off));
            }
        }
        return Math.max(1, whole(Tres.NODE, nodes));
    }
}
