package dev.ferry.cli.simulation;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.simulate.SimulatedJob;
import dev.ferry.scheduling.simulate.TraceGenerator;
import dev.ferry.scheduling.simulate.TraceProfile;
import dev.ferry.scheduling.tres.Tres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Jobs to play.
 *
 * @param tree the accounts that submit them
 * @param left how many jobs of the file were left out, because they ran for no time or are larger than the cluster
 */
public record Trace(AccountTree tree, List<SimulatedJob> jobs, int left) {
    private static final String USER = "all";

    /** A row of a file: who, when, for how long, what. */
    private record Row(String account, long submitted, long seconds, Demand demand) {}

    /** Made up as Philly's jobs are; {@link TraceGenerator}. Accounts are those of the cluster, or Philly's. */
    public static Trace generated(ClusterFile cluster, long seed, int jobs, long seconds, double load) {
        TraceProfile profile = TraceProfile.philly();
        AccountTree tree = (cluster.shares().isEmpty() ? cluster.withShares(profile.accounts()) : cluster).tree(Set.of());
        int[] users = IntStream.range(0, tree.size()).filter(at -> tree.get(at).isUser()).toArray();
        double[] shares = IntStream.of(users).mapToDouble(user -> tree.get(tree.findAccount(tree.get(user).account()).orElseThrow()).shares()).toArray();
        double capacity = (double) cluster.nodes() * cluster.gpus();
        List<SimulatedJob> made = TraceGenerator.make(profile, seed, jobs, users, shares, seconds, capacity, load).stream().filter(job -> cluster.couldHold(job.demand())).toList();
        return new Trace(tree, made, jobs - made.size());
    }

    /**
     * Reads a file of Philly's form (comma-separated, with the columns timestamp, duration, num_gpus, cluster) or of {@code sacct --parsable2} (separated by |, with Account, Submit, ElapsedRaw or
     * Elapsed, and AllocTRES or ReqTRES).
     *
     * @throws FerryException INVALID_ARGUMENT, with the line that can't be read
     */
    public static Trace read(Path file, ClusterFile cluster) {
        List<String> lines;
        try {
            lines = Files.readAllLines(file);
        } catch (IOException unreadable) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Can't read the trace " + file + ": " + unreadable.getMessage(), unreadable);
        }
        if (lines.isEmpty()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "The trace " + file + " is empty");
        }
        boolean slurm = lines.getFirst().contains("|");
        Columns columns = new Columns(file, lines.getFirst().split(slurm ? "\\|" : ",", -1));
        List<Row> rows = new ArrayList<>();
        for (int at = 1; at < lines.size(); at++) {
            String line = lines.get(at);
            // A step of a Slurm job is part of the job's own line.
            if (line.isBlank()) {
                continue;
            }
            columns.line(at + 1, line.split(slurm ? "\\|" : ",", -1));
            if (!slurm) {
                rows.add(philly(columns, cluster));
            } else if (!columns.or("JobID", "").contains(".")) {
                rows.add(sacct(columns, cluster));
            }
        }
        return of(rows, cluster);
    }

    private static Trace of(List<Row> rows, ClusterFile cluster) {
        Set<String> accounts = new LinkedHashSet<>();
        rows.forEach(row -> accounts.add(row.account()));
        AccountTree tree = cluster.tree(accounts);
        List<SimulatedJob> jobs = new ArrayList<>();
        for (Row row : rows) {
            if (row.seconds() > 0 && cluster.couldHold(row.demand())) {
                jobs.add(new SimulatedJob(jobs.size() + 1L, tree.find(row.account(), USER).orElseThrow(), row.submitted(), row.seconds(), row.demand()));
            }
        }
        jobs.sort(Comparator.comparingLong(SimulatedJob::submitted).thenComparingLong(SimulatedJob::id));
        return new Trace(tree, jobs, rows.size() - jobs.size());
    }

    private static Row philly(Columns columns, ClusterFile cluster) {
        return new Row(
                columns.get("cluster"), columns.instant("timestamp"), Math.round(columns.number("duration")), cluster.ofGpus((int) columns.number("num_gpus")));
    }

    private static Row sacct(Columns columns, ClusterFile cluster) {
        Tres tres = Tres.parse(columns.or("AllocTRES", "").isEmpty() ? columns.or("ReqTRES", "") : columns.get("AllocTRES"));
        int nodes = (int) Math.max(1, tres.get(Tres.NODE));
        long cpus = Math.max(1, tres.get(Tres.CPU));
        Demand demand = new Demand(nodes, Math.ceilDiv(cpus * 1000, nodes), Math.ceilDiv(tres.get(Tres.MEMORY), nodes), (int) Math.ceilDiv(tres.get(Tres.GPU), nodes), 0);
        long seconds = columns.has("ElapsedRaw") ? (long) columns.number("ElapsedRaw") : columns.span("Elapsed");
        return new Row(columns.get("Account"), columns.instant("Submit"), seconds, demand);
    }

    /** Cells of a line by the names in the first line. */
    private static final class Columns {
        private final Path file;
        private final Map<String, Integer> positions = new LinkedHashMap<>();
        private int line;
        private String[] cells = {};

        Columns(Path file, String[] names) {
            this.file = file;
            for (int at = 0; at < names.length; at++) {
                positions.put(names[at].trim(), at);
            }
        }

        void line(int at, String[] values) {
            line = at;
            cells = values;
            if (values.length < positions.size()) {
                throw wrong("has " + values.length + " cells, not " + positions.size());
            }
        }

        boolean has(String name) {
            return positions.containsKey(name);
        }

        String get(String name) {
            Integer at = positions.get(name);
            if (at == null) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "The trace " + file + " has no column '" + name + "'; it has " + String.join(", ", positions.keySet()));
            }
            return cells[at].trim();
        }

        String or(String name, String otherwise) {
            return has(name) ? get(name) : otherwise;
        }

        double number(String name) {
            try {
                double number = Double.parseDouble(get(name));
                if (number >= 0 && number < Long.MAX_VALUE) {
                    return number;
                }
            } catch (NumberFormatException unreadable) {
                // Named below, as is a number below zero.
            }
            throw wrong("has " + name + " '" + get(name) + "', which is not a number of 0 or more");
        }

        /** Seconds of the epoch, or a date and time. */
        long instant(String name) {
            String text = get(name);
            if (text.matches("\\d+(\\.\\d+)?")) {
                return (long) Double.parseDouble(text);
            }
            try {
                return LocalDateTime.parse(text.replace(' ', 'T').replaceFirst("(Z|[+-]\\d\\d:?\\d\\d)$", "")).toEpochSecond(ZoneOffset.UTC);
            } catch (DateTimeParseException unreadable) {
                throw wrong("has " + name + " '" + text + "', which is neither seconds nor a time such as 2026-11-23T14:10:14");
            }
        }

        long span(String name) {
            String[] parts = get(name).split("[-:]");
            int[] worth = {1, 60, 3600, 86_400};
            long seconds = 0;
            try {
                for (int at = 0; at < parts.length; at++) {
                    seconds += Long.parseLong(parts[parts.length - 1 - at]) * worth[at];
                }
                return seconds;
            } catch (NumberFormatException | ArrayIndexOutOfBoundsException unreadable) {
                throw wrong("has " + name + " '" + get(name) + "', which is not a time of the form days-hours:minutes:seconds");
            }
        }

        private FerryException wrong(String what) {
            return new FerryException(ErrorCode.INVALID_ARGUMENT, "Line " + line + " of the trace " + file + " " + what);
        }
    }
}
