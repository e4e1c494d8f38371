package dev.ferry.cli.simulation;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.ferry.cli.output.Table;
import dev.ferry.common.Durations;
import dev.ferry.scheduling.simulate.Report;
import dev.ferry.scheduling.simulate.SimulationPolicy;
import dev.ferry.scheduling.simulate.Simulator;
import dev.ferry.scheduling.simulate.UnmetCause;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** One trace, played once for each policy. */
public final class Comparison {
    private final ClusterFile cluster;
    private final Trace trace;
    private final List<Report> reports = new ArrayList<>();

    public Comparison(ClusterFile cluster, Trace trace, PolicyFile policies) {
        this(cluster, trace, policies, false);
    }

    /**
     * @param causes whether to find out why what is due is not met
     */
    public Comparison(ClusterFile cluster, Trace trace, PolicyFile policies, boolean causes) {
        this.cluster = cluster;
        this.trace = trace;
        for (SimulationPolicy policy : policies.compared()) {
            reports.add(Simulator.run(trace.tree(), cluster.room(), trace.jobs(), policy, causes));
        }
    }

    List<Report> reports() {
        return reports;
    }

    /** For people. */
    public String table() {
        String unit = cluster.gpus() > 0 ? "GPU HOURS " : "CPU HOURS ";
        Table table = new Table("POLICY", "JOBS", unit + "LOST", unit + "MOVING", "PREEMPTIONS", "MOVES", "MOST HITS AN HOUR", "UNMET SHARE %", "UTILISATION %", "MEAN WAIT", "MEAN COMPLETION");
        for (Report report : reports) {
            table.row(
                    report.name(), Integer.toString(report.jobs()), number(report.lostHours(), 1), number(report.movingHours(), 1), Integer.toString(report.preemptions()), Integer.toString(report.moves()), Integer.toString(report.mostHitsInAnHour()),
                    number(report.unmetShare() * 100, 2), number(report.utilisation() * 100, 1), time(report.meanWait()), time(report.meanCompletion()));
        }
        String left = trace.left() == 0 ? "" : trace.left() + " jobs were left out: they ran for no time, or are larger than the cluster\n";
        return table + left + causes();
    }

    /** The unmet share of each policy by its causes; empty if they were not looked for. */
    private String causes() {
        if (reports.stream().allMatch(report -> report.unmetBy().isEmpty())) {
            return "";
        }
        List<String> head = new ArrayList<>(List.of("UNMET SHARE %"));
        reports.forEach(report -> head.add(report.name()));
        Table table = new Table(head.toArray(String[]::new));
        for (UnmetCause cause : UnmetCause.values()) {
            if (reports.stream().anyMatch(report -> report.unmetBy().containsKey(cause))) {
                List<String> cells = new ArrayList<>(List.of(cause.words()));
                reports.forEach(report -> cells.add(number(report.unmetBy().getOrDefault(cause, 0.0) * 100, 3)));
                table.row(cells.toArray(String[]::new));
            }
        }
        return "\n" + table;
    }

    private static String number(double value, int decimals) {
        return String.format(Locale.ROOT, "%." + decimals + "f", value);
    }

    private static String time(double seconds) {
        return Durations.format(Duration.ofSeconds(Math.round(seconds)));
    }

    /** An array of one object for each policy. */
    public String json() {
        List<Map<String, Object>> rows = new ArrayList<>();
        for (Report report : reports) {
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("policy", report.name());
            row.put("jobs", report.jobs());
            row.put("leftOut", trace.left());
            row.put("seconds", report.seconds());
            row.put("lostHours", report.lostHours());
            row.put("movingHours", report.movingHours());
            row.put("preemptions", report.preemptions());
            row.put("moves", report.moves());
            row.put("mostHitsInAnHour", report.mostHitsInAnHour());
            row.put("unmetShare", report.unmetShare());
            row.put("utilisation", report.utilisation());
            row.put("meanWaitSeconds", report.meanWait());
            row.put("meanCompletionSeconds", report.meanCompletion());
            if (!report.unmetBy().isEmpty()) {
                Map<String, Double> causes = new LinkedHashMap<>();
                report.unmetBy().forEach((cause, share) -> causes.put(cause.name(), share));
                row.put("unmetBy", causes);
            }
            rows.add(row);
        }
        try {
            return new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(rows);
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** Writes POLICY.svg for each policy. */
    public void plot(Path folder) throws IOException {
        Files.createDirectories(folder);
        double capacity = (double) cluster.nodes() * (cluster.gpus() > 0 ? cluster.gpus() : cluster.cpus());
        for (Report report : reports) {
            Files.writeString(folder.resolve(report.name() + ".svg"), Plot.of(report, trace.tree(), capacity));
        }
    }
}
