package dev.ferry.cli.chaos;

import dev.ferry.cli.cluster.LocalCluster;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.store.PostgresServer;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.storage.StoreConfig;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;

/**
 * Migrates jobs of a cluster of its own, does one fault to each migration at a random moment, waits until the job runs again, and
 * lets the witnesses say what happened. Real daemons, real CRIU, real processes; faults and moments are chosen by the seed.
 */
public final class ChaosRun {
    private static final Duration LEASE = Duration.ofSeconds(6);
    /** With leases, silences and restarts a node that is lost is known to be lost after about ten seconds. */
    private static final Duration MOST_SETTLING = Duration.ofMinutes(3);
    /** A copy that was fenced stands still, and is killed as soon as its daemon is told. */
    private static final Duration MOST_STALE = Duration.ofSeconds(20);
    private static final Duration MOST_LASTING = Duration.ofSeconds(9);
    private static final Duration MOST_DELAY = Duration.ofMillis(1500);
    private static final int ENOUGH_STEPS = 5;
    private static final List<String> STEPS = List.of("RESERVE", "CHECK", "DUMP", "COMMIT", "KILL", "RESTORE");

    /**
     * What is wanted.
     *
     * @param minutes after which no round begins any more
     * @param migrations after which none does either
     * @param nodes of the cluster, 2 or more
     * @param jobs that run beside each other, each with so many mebibytes of memory
     * @param coordinators how many; several share a PostgreSQL server of the run's own
     * @param store an S3 server's as for {@link StoreConfig#ofUrl}, which is used as it is and left as it is at the end; empty: a folder of the cluster's own
     * @param folder for all else, which nobody else uses; it is left as it is at the end
     */
    public record Plan(Duration minutes, int migrations, long seed, int nodes, int jobs, int mebibytes, int coordinators, String store, Path folder) {
        /** With a folder for a store. */
        public Plan(Duration minutes, int migrations, long seed, int nodes, int jobs, int mebibytes, int coordinators, Path folder) {
            this(minutes, migrations, seed, nodes, jobs, mebibytes, coordinators, "", folder);
        }

        private LocalCluster.Plan cluster(Map<String, String> more, Optional<StoreProxy> proxy) {
            Map<String, String> settings = new HashMap<>(Map.of("heartbeat", "250ms", "nodeTimeout", "2s", "lease", LEASE.toSeconds() + "s"));
            settings.putAll(more);
            String through = proxy.map(between -> store.replace(StoreConfig.ofUrl(store).endpoint(), between.endpoint())).orElse("");
            return new LocalCluster.Plan(folder.resolve(OwnedFolder.CLUSTER), nodes, through, "127.0.0.1:0", "127.0.0.1:0", settings).withClocks();
        }
    }

    private final Plan plan;
    private final PrintStream tell;
    private final SplittableRandom random;
    private final List<WitnessedJob> jobs = new ArrayList<>();
    private final List<Round> rounds = new ArrayList<>();
    private final ChaosCluster cluster;
    private final Injector injector;
    private final List<Fault> faults;

    private ChaosRun(Plan plan, PrintStream tell, LocalCluster parts, Optional<StoreProxy> proxy) {
        this.plan = plan;
        this.tell = tell;
        random = new SplittableRandom(plan.seed());
        cluster = new ChaosCluster(parts);
        injector = new Injector(parts, plan.folder(), proxy);
        faults = Fault.of(proxy.isPresent());
    }

    /** One fault as the seed chose it. */
    private record Choice(WitnessedJob job, Fault fault, String step, Duration delay, Duration lasts, int target, boolean live) {}

    /**
     * Does all rounds.
     *
     * @param asked whether to begin no more rounds
     * @param tell gets a line for each
     * @throws FerryException when the cluster can't be started or stays unreachable
     */
    public static ChaosReport run(Plan plan, BooleanSupplier asked, PrintStream tell) throws IOException, InterruptedException {
        if (plan.store().isEmpty()) {
            return run(plan, Optional.empty(), asked, tell);
        }
        try (StoreProxy proxy = StoreProxy.before(StoreConfig.ofUrl(plan.store()).endpoint())) {
            return run(plan, Optional.of(proxy), asked, tell);
        }
    }

    private static ChaosReport run(Plan plan, Optional<StoreProxy> proxy, BooleanSupplier asked, PrintStream tell) throws IOException, InterruptedException {
        if (plan.coordinators() == 1) {
            return run(plan, plan.cluster(Map.of(), proxy), proxy, asked, tell);
        }
        try (PostgresServer server = PostgresServer.start()) {
            Map<String, String> database = Map.of("database", "{url: \"" + server.newDatabase() + "\", user: " + server.user() + "}");
            return run(plan, plan.cluster(database, proxy).sharedBy(plan.coordinators()), proxy, asked, tell);
        }
    }

    private static ChaosReport run(Plan plan, LocalCluster.Plan cluster, Optional<StoreProxy> proxy, BooleanSupplier asked, PrintStream tell) throws IOException, InterruptedException {
        try (LocalCluster parts = LocalCluster.start(cluster)) {
            ChaosRun run = new ChaosRun(plan, tell, parts, proxy);
            try {
                return run.rounds(asked);
            } finally {
                run.cluster.close();
            }
        }
    }

    private ChaosReport rounds(BooleanSupplier asked) throws IOException, InterruptedException {
        long began = System.nanoTime();
        submit();
        while (!asked.getAsBoolean() && rounds.size() < plan.migrations() && System.nanoTime() - began < plan.minutes().toNanos()) {
            Round round = round(choose());
            rounds.add(round);
            tell.println(line(round));
            if (!round.violations().isEmpty()) {
                // Whatever comes after it would only show the same again.
                break;
            }
        }
        long steps = 0;
        for (WitnessedJob job : jobs) {
            steps += job.last() + 1;
        }
        return new ChaosReport(plan.seed(), jobs.size(), steps, Duration.ofNanos(System.nanoTime() - began), injector.failOvers(), rounds);
    }

    private void submit() throws IOException, InterruptedException {
        Path programs = WitnessedJob.programs(plan.folder());
        Path witnesses = Files.createDirectories(plan.folder().resolve("witnesses"));
        for (int number = 1; number <= plan.jobs(); number++) {
            WitnessedJob job = new WitnessedJob("witness-" + number, programs, witnesses, plan.mebibytes());
            job.submitted(cluster.submit(job.spec()));
            jobs.add(job);
        }
        for (WitnessedJob job : jobs) {
            if (!runsAgain(job, System.nanoTime())) {
                throw new FerryException(ErrorCode.START_FAILED, "Job " + job.id() + " did not start: " + cluster.job(job.id()));
            }
            long step = job.last();
            Operation saved = cluster.end(cluster.checkpoint(job.id()), MOST_SETTLING);
            if (saved.getState() != OperationState.SUCCEEDED) {
                throw new FerryException(saved.getError());
            }
            job.saved(step);
        }
    }

    private Choice choose() {
        Fault fault = faults.get(random.nextInt(faults.size()));
        Duration lasts = Duration.ofMillis(random.nextLong(fault.lasts() ? MOST_LASTING.toMillis() : MOST_LASTING.toMillis() / 3));
        String step = random.nextBoolean() ? STEPS.get(random.nextInt(STEPS.size())) : "";
        return new Choice(
                jobs.get(random.nextInt(jobs.size())), fault, step, Duration.ofMillis(random.nextLong(MOST_DELAY.toMillis())), lasts, random.nextInt(plan.nodes() - 1), random.nextInt(4) == 0);
    }

    private Round round(Choice choice) throws IOException, InterruptedException {
        WitnessedJob job = choice.job();
        int source = LocalCluster.nodeNumber(cluster.job(job.id()).getNode());
        int target = IntStream.rangeClosed(1, plan.nodes()).filter(node -> node != source).skip(choice.target()).findFirst().orElseThrow();
        long step = job.last();
        Set<String> before = cluster.operationsOf(jobs.stream().map(WitnessedJob::id).toList());
        long began = System.nanoTime();
        Operation begun = cluster.migrate(job.id(), LocalCluster.nodeName(target), choice.live());
        FutureTask<Void> fault = new FutureTask<>(() -> inject(choice, begun, source, target));
        Thread unused = Thread.ofPlatform().daemon().name("fault").start(fault);
        List<String> violations = new ArrayList<>();
        Operation ended = cluster.end(begun, MOST_SETTLING);
        String outcome = ChaosCluster.outcome(ended);
        awaitHealed(fault);
        if (ended.getState() == OperationState.SUCCEEDED) {
            job.saved(step);
        } else if (ended.getState() == OperationState.OPEN) {
            violations.add("the operation is open after " + MOST_SETTLING.toSeconds() + " s: " + cluster.lastStep(ended));
        }
        boolean restored = settle(job, choice.fault(), began, before, violations);
        long millis = (System.nanoTime() - began) / 1_000_000;
        for (WitnessedJob bystander : jobs) {
            if (bystander != job) {
                restored |= settle(bystander, choice.fault(), began, before, violations);
            }
        }
        return new Round(rounds.size() + 1, job.id(), choice.fault(), choice.step(), choice.live(), outcome, millis, restored, violations);
    }

    private Void inject(Choice choice, Operation begun, int source, int target) throws IOException, InterruptedException {
        if (choice.step().isEmpty()) {
            Thread.sleep(choice.delay());
        } else {
            cluster.awaitStep(begun, choice.step(), MOST_SETTLING);
        }
        injector.inject(choice.fault(), source, target, choice.lasts(), () -> cluster.operation(begun).getState() != OperationState.OPEN);
        return null;
    }

    private static void awaitHealed(FutureTask<Void> fault) throws InterruptedException {
        try {
            var unused = fault.get();
        } catch (ExecutionException failed) {
            throw new FerryException(ErrorCode.INTERNAL, "The fault could not be done, or not be undone: " + failed.getCause(), failed);
        }
    }

    /**
     * Waits until a job runs again, brings back one that waits for an operator, and asks its witness.
     *
     * @return whether it went on from an image because its node was lost
     */
    private boolean settle(WitnessedJob job, Fault fault, long began, Set<String> before, List<String> violations) throws IOException, InterruptedException {
        String of = job.name() + ": ";
        if (!runsAgain(job, began)) {
            Job now = cluster.job(job.id());
            violations.add(of + "it is " + now.getState() + " after " + MOST_SETTLING.toSeconds() + " s: " + now.getReason() + " " + now.getError().getMessage());
        }
        long end = System.nanoTime() + MOST_STALE.toNanos();
        while (cluster.nodesWith(job.id()).size() > 1 && System.nanoTime() < end) {
            Thread.sleep(ChaosCluster.LOOK);
        }
        List<Integer> nodes = cluster.nodesWith(job.id());
        if (nodes.size() > 1) {
            violations.add(of + "its processes are on nodes " + nodes + " after " + MOST_STALE.toSeconds() + " s");
        }
        long lives = cluster.restores(job.id(), before);
        job.violations(lives).forEach(what -> violations.add(of + what));
        if (lives > 0 && fault == Fault.NONE) {
            violations.add(of + "it was restored though nothing was done to any node");
        }
        return lives > 0;
    }

    private boolean runsAgain(WitnessedJob job, long began) throws IOException, InterruptedException {
        long end = Math.max(began, System.nanoTime()) + MOST_SETTLING.toNanos();
        long before = job.last();
        while (System.nanoTime() < end) {
            Job now = cluster.job(job.id());
            if (now.getOperation().isEmpty()) {
                if (now.getState() == JobState.RUNNING && job.last() > before + ENOUGH_STEPS) {
                    return true;
                }
                if (now.getState() == JobState.RUNNING && job.last() < before) {
                    before = job.last();
                }
                cluster.bringBack(now);
            }
            Thread.sleep(ChaosCluster.LOOK);
        }
        return false;
    }

    private static String line(Round round) {
        String at = round.step().isEmpty() ? "" : " at " + round.step();
        String line = String.format(Locale.ROOT, "%5d  %s  %-18s%-11s %-6s %-30s %6.1f s", round.number(), round.job(), round.fault(), at, round.live() ? "live" : "", round.outcome(), round.millis() / 1e3);
        return line + (round.restored() ? "  from an image" : "") + (round.violations().isEmpty() ? "" : "  VIOLATION " + round.violations());
    }
}
