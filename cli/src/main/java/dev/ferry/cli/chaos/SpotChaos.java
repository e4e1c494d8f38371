package dev.ferry.cli.chaos;

import dev.ferry.cli.cluster.LocalCluster;
import dev.ferry.node.emulator.Cloud;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;

/**
 * Takes spot machines of clusters of its own away, with and without a notice, and lets the jobs' witnesses say what became of them: the
 * metadata server of a cloud is played, all else is real. Sizes, clouds and moments are chosen by the seed.
 */
public final class SpotChaos {
    /**
     * What is wanted.
     *
     * @param told how many machines are taken away after a notice, each in a cluster of its own
     * @param untold how many are taken away without one, all in one cluster
     * @param jobs on a machine that is told, each with a memory between smallest and largest, in MiB
     * @param least shortest notice
     * @param most longest notice
     * @param folder for all of it, which nobody else uses; clusters in which all was well are removed
     */
    public record Plan(int told, int untold, long seed, int jobs, int smallest, int largest, Duration least, Duration most, Path folder) {}

    private SpotChaos() {}

    /**
     * Does all of it, and stops at the first violation.
     *
     * @param asked whether to begin nothing more
     * @param tell gets a line for each machine
     */
    public static SpotReport run(Plan plan, BooleanSupplier asked, PrintStream tell) throws IOException, InterruptedException {
        SplittableRandom random = new SplittableRandom(plan.seed());
        List<ToldMachine> told = new ArrayList<>();
        for (int number = 1; number <= plan.told() && !asked.getAsBoolean() && told.stream().allMatch(one -> one.violations().isEmpty()); number++) {
            ToldMachine machine = new ToldRun(plan, number, random.split()).run();
            tell.println(machine.line());
            told.add(machine);
        }
        List<UntoldMachine> untold = new ArrayList<>();
        List<String> violations = new ArrayList<>();
        boolean well = told.stream().allMatch(one -> one.violations().isEmpty());
        if (plan.untold() > 0 && well && !asked.getAsBoolean()) {
            violations.addAll(new UntoldRun(plan, random.split(), machine -> {
                tell.println(machine.line());
                untold.add(machine);
            }).run(asked));
        }
        return new SpotReport(plan.seed(), told, untold, violations);
    }

    /** One whose nodes are of a cloud, and that finds soon what became of them. */
    static LocalCluster cluster(Path folder, int nodes, Cloud cloud) throws IOException {
        Map<String, String> quick = Map.of("heartbeat", "250ms", "nodeTimeout", "2s", "lease", "20s");
        return LocalCluster.start(new LocalCluster.Plan(folder.resolve(OwnedFolder.CLUSTER), nodes, "", "127.0.0.1:0", "127.0.0.1:0", quick, "", Optional.of(cloud)));
    }
}
