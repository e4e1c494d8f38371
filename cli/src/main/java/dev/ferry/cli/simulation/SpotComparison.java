package dev.ferry.cli.simulation;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.ferry.cli.output.Json;
import dev.ferry.cli.output.Table;
import dev.ferry.coordinator.evacuation.MachineLife;
import dev.ferry.coordinator.evacuation.Replay;
import dev.ferry.coordinator.evacuation.ReplayPolicy;
import dev.ferry.coordinator.evacuation.ReplayReport;
import dev.ferry.coordinator.evacuation.ReplayTerms;
import java.util.List;
import java.util.Locale;

/** Lives of spot machines, played once for each policy. */
public final class SpotComparison {
    private static final double HOUR = 3_600_000;

    private final List<MachineLife> lives;
    private final List<ReplayReport> reports;

    public SpotComparison(List<MachineLife> lives, ReplayTerms terms, List<ReplayPolicy> policies) {
        this.lives = lives;
        reports = policies.stream().map(policy -> Replay.run(lives, terms, policy)).toList();
    }

    List<ReplayReport> reports() {
        return reports;
    }

    /** Hours that machines lived which were taken away, the shortest first. */
    private double[] taken() {
        return lives.stream().filter(MachineLife::taken).mapToDouble(life -> (life.endedMillis() - life.beganMillis()) / HOUR).sorted().toArray();
    }

    /** For people. */
    public String table() {
        Table table = new Table("POLICY", "USEFUL %", "FROZEN %", "LOST %", "MOVING %", "IMAGES", "JOBS THAT LOST WORK", "MORE THAN THE INTERVAL", "MOST LOST", "GPU HOURS LOST");
        for (ReplayReport report : reports) {
            table.row(
                    report.policy(), number(report.useful() * 100, 2), number(report.frozen() * 100, 2), number(report.lost() * 100, 2), number(report.moving() * 100, 2), Long.toString(report.images()), Long.toString(report.losses()),
                    Long.toString(report.overInterval()), number(report.longestLossSeconds(), 0) + " s", number(report.lostGpuHours(), 1));
        }
        double[] hours = taken();
        String lived = hours.length == 0 ? "no machine was taken away" : hours.length + " were taken away after " + number(hours[0], 1) + " to " + number(hours[hours.length - 1], 1) + " h, half of them within " + number(hours[hours.length / 2], 1) + " h";
        return table + String.valueOf(lives.size()) + " lives of machines: " + lived + "\n";
    }

    private static String number(double value, int decimals) {
        return String.format(Locale.ROOT, "%." + decimals + "f", value);
    }

    /** The same for programs: hours are of jobs, shares between 0 and 1. */
    public String json() {
        Struct.Builder all = Struct.newBuilder();
        double[] hours = taken();
        all.putFields("lives", Json.number(lives.size()));
        all.putFields("taken", Json.number(hours.length));
        all.putFields("policies", Json.list(reports.stream().map(SpotComparison::json).toList()));
        return Json.print(all.build());
    }

    private static Value json(ReplayReport report) {
        return Json.struct(
                Struct.newBuilder()
                        .putFields("policy", Json.text(report.policy()))
                        .putFields("useful", Json.number(report.useful()))
                        .putFields("frozen", Json.number(report.frozen()))
                        .putFields("lost", Json.number(report.lost()))
                        .putFields("moving", Json.number(report.moving()))
                        .putFields("usefulHours", Json.number(report.usefulHours()))
                        .putFields("frozenHours", Json.number(report.frozenHours()))
                        .putFields("lostHours", Json.number(report.lostHours()))
                        .putFields("movingHours", Json.number(report.movingHours()))
                        .putFields("images", Json.number(report.images()))
                        .putFields("ends", Json.number(report.ends()))
                        .putFields("losses", Json.number(report.losses()))
                        .putFields("overInterval", Json.number(report.overInterval()))
                        .putFields("longestLossSeconds", Json.number(report.longestLossSeconds()))
                        .putFields("lostGpuHours", Json.number(report.lostGpuHours())));
    }
}
