package dev.ferry.cli.verbs;

import dev.ferry.cli.simulation.SpotComparison;
import dev.ferry.cli.simulation.SpotLives;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.coordinator.evacuation.MachineLife;
import dev.ferry.coordinator.evacuation.ReplayPolicy;
import dev.ferry.coordinator.evacuation.ReplayTerms;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.scheduling.fresh.FreshPolicy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code ferry simulate spot}. */
@Command(
        name = "spot",
        description = "Plays jobs on spot machines that are taken away, with the code that decides in the coordinator when images are made and who is saved first, and compares fixed intervals, Daly's alone, and Daly's with the delta budget and notices.",
        footer = {"", "Examples:", "  ferry simulate spot --seed 1", "  ferry simulate spot --recorded --notice 2m", "  ferry simulate spot --lives lives.csv --freeze 500ms --state 16GiB --every 5m,30m -o json"})
final class SimulateSpotVerb implements Callable<Integer> {
    @Option(names = "--lives", paramLabel = "FILE", description = "CSV with the columns machine,began,ended,taken: seconds, and true or false.")
    private @Nullable Path lives;

    @Option(names = "--recorded", description = "The lives of machines of Amazon that come with Ferry; else they are made up.")
    private boolean recorded;

    @Option(names = "--machines", paramLabel = "COUNT", description = "How many to make up, at a time.", defaultValue = "16")
    private int machines = 16;

    @Option(names = "--time", paramLabel = "TIME", description = "For how long to make up lives.", defaultValue = "10d")
    private String time = "10d";

    @Option(names = "--shortest", paramLabel = "TIME", description = "Shortest life to make up.", defaultValue = "48m")
    private String shortest = "48m";

    @Option(names = "--longest", paramLabel = "TIME", description = "Longest life to make up.", defaultValue = "10h")
    private String longest = "10h";

    @Option(names = "--seed", paramLabel = "NUMBER", description = "The same makes up the same lives.", defaultValue = "1")
    private long seed = 1;

    @Option(names = "--jobs", paramLabel = "COUNT", description = "Jobs on each machine.", defaultValue = "4")
    private int jobs = 4;

    @Option(names = "--gpus", paramLabel = "COUNT", description = "GPUs of each job.", defaultValue = "1")
    private int gpus = 1;

    @Option(names = "--freeze", paramLabel = "TIME", description = "How long a job stands still for an image.", defaultValue = "500ms")
    private String freeze = "500ms";

    @Option(names = "--restart", paramLabel = "TIME", description = "Until a job works again on another machine.", defaultValue = "60s")
    private String restart = "60s";

    @Option(names = "--state", paramLabel = "SIZE", description = "State of each job.", defaultValue = "4GiB")
    private String state = "4GiB";

    @Option(names = "--change", paramLabel = "SIZE", description = "What each job changes in a second.", defaultValue = "5MiB")
    private String change = "5MiB";

    @Option(names = "--link", paramLabel = "SIZE", description = "What a machine sends to the store in a second.", defaultValue = "200MiB")
    private String link = "200MiB";

    @Option(names = "--notice", paramLabel = "TIME", description = "How long before its end a machine is told.", defaultValue = "30s")
    private String notice = "30s";

    @Option(names = "--most-frozen", paramLabel = "PART", description = "Which share of its time a job may stand still for images.", defaultValue = "" + FreshPolicy.USUAL_SHARE)
    private double mostFrozen = FreshPolicy.USUAL_SHARE;

    @Option(names = "--every", paramLabel = "TIME", split = ",", description = "Fixed intervals to compare with.", defaultValue = "1h,10m,1m")
    private List<String> every = new ArrayList<>();

    @Option(names = {"-o", "--output"}, paramLabel = "FORMAT", description = "table (for people) or json.", defaultValue = "table")
    private ServerOption.Output output = ServerOption.Output.table;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public Integer call() {
        List<ReplayPolicy> policies = new ArrayList<>();
        every.forEach(text -> policies.add(ReplayPolicy.every("every " + text, positive("--every", text))));
        policies.add(ReplayPolicy.daly());
        policies.add(ReplayPolicy.full());
        SpotComparison comparison = new SpotComparison(lives(), terms(), policies);
        System.out.print(output == ServerOption.Output.json ? comparison.json() + "\n" : comparison.table());
        return 0;
    }

    private List<MachineLife> lives() {
        if (lives != null && recorded) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Give either --lives or --recorded, not both");
        }
        if (lives != null) {
            return SpotLives.read(lives);
        }
        if (recorded) {
            return SpotLives.recorded();
        }
        Duration least = positive("--shortest", shortest);
        Duration most = positive("--longest", longest);
        if (machines < 1 || most.compareTo(least) < 0) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--machines must be 1 or more, and --longest no less than --shortest");
        }
        return SpotLives.generated(seed, machines, positive("--time", time), least, most);
    }

    private ReplayTerms terms() {
        try {
            return new ReplayTerms(jobs, gpus, Durations.parse(freeze), Durations.parse(restart), Sizes.parse(state), Sizes.parse(change), Sizes.parse(link), Durations.parse(notice), mostFrozen);
        } catch (IllegalArgumentException impossible) {
            throw new FerryException(
                    ErrorCode.INVALID_ARGUMENT, "--jobs, --freeze, --state and --link must be above 0, and --most-frozen above 0 and at most 1: " + impossible.getMessage(), impossible);
        }
    }

    private static Duration positive(String option, String text) {
        Duration parsed = Durations.parse(text);
        if (!parsed.isPositive()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, option + " must be more than no time, not " + text);
        }
        return parsed;
    }
}
