package dev.ferry.cli.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.accounts.Association;
import dev.ferry.scheduling.tres.Tres;
import dev.ferry.scheduling.usage.Decay;
import dev.ferry.scheduling.usage.Extended;
import dev.ferry.scheduling.usage.UsageTable;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Use that decays tick by tick while a job adds to it.
 *
 * <p>A case says what one user had used before the first tick, what the job was billed and when it ran, when the ticks were, and what was shown after each. What the others had used before is not said; it is
 * the roundest number that decays to what was shown.
 */
public final class CaseSeries {
    private static final Pattern TICK = Pattern.compile("\\[(\\S+?)(?:\\.\\d+)?\\].*Decay factor over (\\d+) seconds");
    private static final Pattern RATE = Pattern.compile("BillingWeight: .*TRES\\) = (\\d+\\.\\d+)");
    private static final Pattern RAN = Pattern.compile("job \\d+ ran for (\\d+) seconds");
    private static final Pattern NEW_USE = Pattern.compile("Adding (\\d+\\.\\d+) new usage to assoc \\d+ \\(([^/]+)/([^/(]+)/");

    private static final double MILLION = 1e6;

    private final CaseFile file;
    private final Decay decay;
    private final List<String[]> shown;
    private final AccountTree tree;
    private final List<String> log = new ArrayList<>();

    /** When a tick was, and what it decayed. */
    private record Tick(long at, long seconds, List<String[]> shown) {}

    public CaseSeries(CaseFile file) {
        this.file = file;
        decay = file.decay();
        List<JsonNode> ticks = file.array("ticks");
        if (ticks.isEmpty()) {
            throw file.wrong("has no ticks");
        }
        shown = shown(ticks.getFirst());
        tree = file.tree(associations());
    }

    private List<String[]> shown(JsonNode tick) {
        return CaseFile.list(tick.path("sshare"))
                .stream()
                .map(
                        line -> {
                            String[] cells = line.asText().split("\\|", -1);
                            if (cells.length != 3) {
                                throw file.wrong("has '" + line.asText() + "' in a tick's sshare; Account|User|RawUsage is expected");
                            }
                            return cells;
                        })
                .toList();
    }

    /** The tree, from how far the accounts are indented. Position in {@link #shown} plus one is the id. */
    private List<Association> associations() {
        List<Association> found = new ArrayList<>();
        Deque<Integer> above = new ArrayDeque<>();
        for (int at = 0; at < shown.size(); at++) {
            String[] row = shown.get(at);
            String account = row[0].trim();
            int depth = row[0].length() - account.length();
            while (above.size() > depth) {
                above.pop();
            }
            if (above.size() < depth) {
                throw file.wrong("has '" + row[0] + "' deeper in the tree than what stands above it");
            }
            found.add(new Association(at + 1, above.isEmpty() ? 0 : above.peek() + 1, account, row[1].isEmpty() ? null : row[1], 1, null));
            if (row[1].isEmpty()) {
                above.push(at);
            }
        }
        return found;
    }

    private int position(int row) {
        String[] cells = shown.get(row);
        return (cells[1].isEmpty() ? tree.findAccount(cells[0].trim()) : tree.find(cells[0].trim(), cells[1])).orElseThrow();
    }

    private List<Tick> ticks() {
        List<Tick> ticks = new ArrayList<>();
        long period = file.node("calc_period_s").asLong(300);
        for (JsonNode tick : file.list("ticks")) {
            long at = (long) Math.floor(tick.path("observed_at").asDouble());
            long seconds = period;
            for (JsonNode line : CaseFile.list(tick.path("log"))) {
                Matcher matcher = TICK.matcher(line.asText());
                if (matcher.find()) {
                    at = file.instant(matcher.group(1), "a tick's log");
                    seconds = Long.parseLong(matcher.group(2));
                }
            }
            Tick next = new Tick(at, seconds, shown(tick));
            for (int row = 0; row < Math.max(shown.size(), next.shown().size()); row++) {
                if (row >= shown.size() || row >= next.shown().size() || !Arrays.equals(shown.get(row), 0, 2, next.shown().get(row), 0, 2)) {
                    throw file.wrong("shows other accounts in tick number " + (ticks.size() + 1) + " than in the first, from line " + (row + 1) + " of its sshare on");
                }
            }
            ticks.add(next);
        }
        return ticks;
    }

    /** What a job added: which association, what a second of it is billed, by what its QoS multiplies that, when it ran. */
    private record Run(int position, double rate, double factor, long start, long end) {
        /** Seconds that lie in a period. */
        long within(long from, long to) {
            return Math.max(0, Math.min(end, to) - Math.max(start, from));
        }
    }

    private List<Run> runs() {
        if (!file.has("job")) {
            return List.of();
        }
        String[] cells = file.text("job").split("\\|", -1);
        if (cells.length != 6) {
            throw file.wrong("has the job '" + file.text("job") + "'; JobID|State|ElapsedRaw|Start|End|AllocTRES is expected");
        }
        long ran = 0;
        for (JsonNode tick : file.list("ticks")) {
            for (JsonNode line : CaseFile.list(tick.path("log"))) {
                Matcher seconds = RAN.matcher(line.asText());
                ran = seconds.find() ? Long.parseLong(seconds.group(1)) : ran;
                Matcher matcher = NEW_USE.matcher(line.asText());
                if (matcher.find() && tree.find(matcher.group(2), matcher.group(3)).isPresent()) {
                    int position = tree.find(matcher.group(2), matcher.group(3)).getAsInt();
                    double rate = rate(file.tres(cells[5], "a job with an AllocTRES").get(Tres.BILLING));
                    double factor = factor(Double.parseDouble(matcher.group(1)) / decay.newUsage(ran, rate, 1));
                    return List.of(new Run(position, rate, factor, file.instant(cells[3], "the job's start"), file.instant(cells[4], "the job's end")));
                }
            }
        }
        throw file.wrong("doesn't tell whose job it was: no line 'new usage to assoc' in the log of its ticks");
    }

    /** A QoS's usage factor, as Slurm prints it: with six decimals. 1 if the log doesn't tell. */
    private static double factor(double logged) {
        return Double.isFinite(logged) && logged > 0 ? Math.rint(logged * MILLION) / MILLION : 1;
    }

    /** What a second is billed: the number of which {@code billing} is the whole part, if it was logged. */
    private double rate(long billing) {
        for (JsonNode tick : file.list("ticks")) {
            for (JsonNode line : CaseFile.list(tick.path("log"))) {
                Matcher matcher = RATE.matcher(line.asText());
                if (matcher.find() && (long) Double.parseDouble(matcher.group(1)) == billing) {
                    return Double.parseDouble(matcher.group(1));
                }
            }
        }
        return billing;
    }

    /** One row for each tick and association: RawUsage as sshare prints it, and the same with six decimals. */
    public Rows rows() {
        List<Tick> ticks = ticks();
        List<Run> runs = runs();
        UsageTable usage = new UsageTable(tree);
        for (int row = 0; row < shown.size(); row++) {
            if (!shown.get(row)[1].isEmpty()) {
                usage.add(position(row), start(row, ticks, runs));
            }
        }
        Rows table = new Rows("Tick", "Time", "Account", "User", "RawUsage", "Usage");
        log.clear();
        for (int number = 0; number < ticks.size(); number++) {
            play(usage, ticks.get(number), runs);
            for (int row = 0; row < shown.size(); row++) {
                Extended used = usage.of(position(row));
                table.add(Integer.toString(number + 1), SlurmText.instant(ticks.get(number).at()), shown.get(row)[0], shown.get(row)[1], Long.toString(used.toLong()), SlurmText.fixed(used, 6));
            }
        }
        return table;
    }

    /** A tick: a job that ended before it has added its use at its end; then all decays; then jobs that run add theirs. */
    private void play(UsageTable usage, Tick tick, List<Run> runs) {
        long from = tick.at() - tick.seconds();
        for (Run run : runs) {
            if (run.end() < tick.at()) {
                add(usage, run, run.within(from, tick.at()));
            }
        }
        double left = decay.after(tick.seconds());
        log.add("Decay factor over " + tick.seconds() + " seconds goes from " + SlurmText.fixed(decay.perSecond(), 15) + " -> " + SlurmText.fixed(left, 15));
        usage.decay(left);
        for (Run run : runs) {
            if (run.end() >= tick.at()) {
                add(usage, run, run.within(from, tick.at()));
            }
        }
    }

    private void add(UsageTable usage, Run run, long seconds) {
        if (seconds == 0) {
            return;
        }
        double use = decay.newUsage(seconds, run.rate(), run.factor());
        usage.add(run.position(), Extended.of(use));
        for (int at = run.position(); at >= 0; at = tree.parent(at)) {
            log.add("Adding " + SlurmText.fixed(use, 6) + " new usage to " + tree.get(at).name() + " raw usage is now " + SlurmText.fixed(usage.of(at), 6));
        }
    }

    /** What happened, in the words of slurmctld's log; filled by {@link #rows}. */
    List<String> log() {
        return log;
    }

    private Extended start(int row, List<Tick> ticks, List<Run> runs) {
        JsonNode planted = file.node("planted");
        String user = shown.get(row)[1];
        JsonNode said = planted.path(shown.get(row)[0].trim() + "/" + user).isMissingNode() ? planted.path(user) : planted.path(shown.get(row)[0].trim() + "/" + user);
        if (said.isValueNode()) {
            return file.use(said.asText(), user);
        }
        int at = position(row);
        double left = 1;
        double added = 0;
        double low = 0;
        double high = Double.POSITIVE_INFINITY;
        for (Tick tick : ticks) {
            double kept = decay.after(tick.seconds());
            for (Run run : runs) {
                double use = run.position() == at ? decay.newUsage(run.within(tick.at() - tick.seconds(), tick.at()), run.rate(), run.factor()) : 0;
                added = run.end() < tick.at() ? (added + use) * kept : added * kept + use;
            }
            left *= kept;
            double printed = file.whole(tick.shown().get(row)[2], "RawUsage");
            low = Math.max(low, (printed - added) / left);
            high = Math.min(high, (printed + 1 - added) / left);
        }
        return Extended.of(roundest(Math.max(0, low), high));
    }

    /** The number in [low, high) with the fewest digits. */
    static BigDecimal roundest(double low, double high) {
        if (low <= 0) {
            return BigDecimal.ZERO;
        }
        int scale = -(int) Math.ceil(Math.log10(high));
        while (true) {
            BigDecimal candidate = new BigDecimal(low).setScale(scale, RoundingMode.CEILING);
            if (candidate.doubleValue() < high || scale > 15) {
                return candidate;
            }
            scale++;
        }
    }
}
