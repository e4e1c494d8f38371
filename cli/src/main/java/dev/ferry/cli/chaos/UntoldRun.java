package dev.ferry.cli.chaos;

import dev.ferry.cli.cluster.LocalCluster;
import dev.ferry.cli.cluster.SpotMachines;
import dev.ferry.common.FerryException;
import dev.ferry.node.emulator.Cloud;
import dev.ferry.node.jobs.Trees;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.OperationKind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** Jobs of which images are made in the background, on machines that are taken away one after the other without a word. */
final class UntoldRun {
    private static final int NODES = 3;
    private static final int JOBS = 3;
    private static final int LEAST_MEBIBYTES = 32;
    private static final int MOST_MEBIBYTES = 256;
    private static final int LEAST_SECONDS = 4;
    private static final int MOST_SECONDS = 15;
    /** Of images in such short times jobs stand still for longer than anyone would want. */
    private static final double MOST_FROZEN = 0.9;

    private final SpotChaos.Plan plan;
    private final SplittableRandom random;
    private final Consumer<UntoldMachine> tell;
    private final Path folder;

    UntoldRun(SpotChaos.Plan plan, SplittableRandom random, Consumer<UntoldMachine> tell) {
        this.plan = plan;
        this.random = random;
        this.tell = tell;
        folder = plan.folder().resolve("untold");
    }

    /**
     * Takes machines away until all have been, one brought a violation, or no more are wanted.
     *
     * @return what was wrong with the results of the jobs in the end
     */
    List<String> run(BooleanSupplier asked) throws IOException, InterruptedException {
        Files.createDirectories(folder);
        List<String> wrong;
        try (LocalCluster parts = SpotChaos.cluster(folder, NODES, Cloud.values()[random.nextInt(Cloud.values().length)]);
                ChaosCluster cluster = new ChaosCluster(parts);
                SpotMachines machines = SpotMachines.open(parts, folder)) {
            wrong = run(parts, cluster, machines, asked);
        }
        if (wrong.isEmpty()) {
            Trees.delete(folder);
        }
        return wrong;
    }

    private List<String> run(LocalCluster parts, ChaosCluster cluster, SpotMachines machines, BooleanSupplier asked) throws IOException, InterruptedException {
        SpotJobs jobs = new SpotJobs(cluster, folder);
        for (int job = 0; job < JOBS; job++) {
            jobs.submit(random.nextInt(LEAST_MEBIBYTES, MOST_MEBIBYTES + 1), "");
        }
        jobs.awaitStarted();
        for (WitnessedJob job : jobs.all()) {
            cluster.imagesEvery(job.id(), random.nextInt(LEAST_SECONDS, MOST_SECONDS + 1) + "s", MOST_FROZEN);
        }
        for (WitnessedJob job : jobs.all()) {
            if (!SpotJobs.await(() -> !cluster.images(job.id()).isEmpty())) {
                throw new FerryException(ErrorCode.DUMP_FAILED, "No image of job " + job.id() + " is made in the background: " + cluster.operations(job.id()));
            }
        }
        boolean well = true;
        for (int number = 1; well && number <= plan.untold() && !asked.getAsBoolean(); number++) {
            UntoldMachine machine = round(number, parts, cluster, machines, jobs);
            tell.accept(machine);
            well = machine.violations().isEmpty();
        }
        return well ? jobs.results(jobs.all()) : List.of("machine by machine: see above");
    }

    private UntoldMachine round(int number, LocalCluster parts, ChaosCluster cluster, SpotMachines machines, SpotJobs jobs) throws IOException, InterruptedException {
        // Whether an image is young or due, under way, or not begun after a restart: any moment will do.
        Thread.sleep(random.nextInt(1500 * MOST_SECONDS));
        List<String> violations = new ArrayList<>();
        int node = LocalCluster.nodeNumber(cluster.job(jobs.all().get(random.nextInt(JOBS)).id()).getNode());
        List<WitnessedJob> hit = jobs.all().stream().filter(job -> cluster.nodesWith(job.id()).contains(node)).toList();
        Map<WitnessedJob, Long> intervals = new LinkedHashMap<>();
        hit.forEach(job -> intervals.put(job, cluster.interval(job.id()).toMillis()));
        Set<String> before = cluster.operationsOf(jobs.all().stream().map(WitnessedJob::id).toList());
        long began = System.currentTimeMillis();
        machines.take(node);
        long gone = System.currentTimeMillis();
        for (WitnessedJob job : jobs.all()) {
            if (!jobs.runsAgain(job)) {
                violations.add(job.name() + ": it does not run again: " + cluster.job(job.id()).toString().replace('\n', ' '));
            }
        }
        long millis = System.currentTimeMillis() - began;
        Map<WitnessedJob, Long> images = new LinkedHashMap<>();
        hit.forEach(job -> images.put(job, slowestImage(cluster, job, gone)));
        List<UntoldMachine.Loss> losses = new ArrayList<>();
        long all = images.values().stream().mapToLong(Long::longValue).sum();
        for (Map.Entry<WitnessedJob, Long> image : images.entrySet()) {
            WitnessedJob job = image.getKey();
            long lost = job.freshBacks().stream().mapToLong(WitnessFile.Back::lostNanos).sum() / 1_000_000;
            UntoldMachine.Loss loss = new UntoldMachine.Loss(job.name(), lost, Objects.requireNonNull(intervals.get(job)), image.getValue(), all - image.getValue());
            losses.add(loss);
            if (loss.isUnexplained()) {
                violations.add(job.name() + ": it lost " + lost + " ms, more than its interval and all images of its machine: " + loss);
            }
        }
        for (WitnessedJob job : jobs.all()) {
            job.violations(cluster.restores(job.id(), before)).forEach(what -> violations.add(job.name() + ": " + what));
        }
        parts.startNode(node);
        return new UntoldMachine(number, LocalCluster.nodeName(node), losses, millis, violations);
    }

    /** The slowest of a job's latest images in the background, or how long the one had taken by then that was cut off, in milliseconds. */
    private static long slowestImage(ChaosCluster cluster, WitnessedJob job, long gone) {
        return cluster.operations(job.id()).stream()
                .filter(operation -> operation.getKind() == OperationKind.CHECKPOINT && operation.getStartedAt() < gone)
                .mapToLong(operation -> (operation.getEndedAt() == 0 ? gone : Math.min(gone, operation.getEndedAt())) - operation.getStartedAt())
                .max()
                .orElse(0);
    }
}
