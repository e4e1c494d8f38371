package dev.ferry.cli.chaos;

import dev.ferry.cli.cluster.LocalCluster;
import dev.ferry.cli.cluster.SpotMachines;
import dev.ferry.common.FerryException;
import dev.ferry.node.emulator.Cloud;
import dev.ferry.node.jobs.Trees;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.EvacuationState;
import dev.ferry.proto.v1.EvacuationWay;
import dev.ferry.proto.v1.Evacuee;
import dev.ferry.proto.v1.EvacueeState;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Step;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;

/** One spot machine with some jobs, told that it ends, and ended at that time. */
final class ToldRun {
    /** Jobs work for so long at most before the machine is told. */
    private static final int MOST_WORKING_MILLIS = 8000;

    private static final String NODE = LocalCluster.nodeName(1);

    private final SpotChaos.Plan plan;
    private final int number;
    private final SplittableRandom random;
    private final Cloud cloud;
    private final Duration notice;
    private final Path folder;
    private final List<String> violations = new ArrayList<>();
    private int promised;
    private int escaped;
    private int fromImage;
    private int gone;
    private long lastSaved;

    ToldRun(SpotChaos.Plan plan, int number, SplittableRandom random) {
        this.plan = plan;
        this.number = number;
        this.random = random;
        cloud = Cloud.values()[random.nextInt(Cloud.values().length)];
        notice = Duration.ofMillis(random.nextLong(plan.least().toMillis(), plan.most().toMillis() + 1));
        folder = plan.folder().resolve("told-" + number);
    }

    ToldMachine run() throws IOException, InterruptedException {
        Files.createDirectories(folder);
        ToldMachine made;
        try (LocalCluster parts = SpotChaos.cluster(folder, 2, cloud);
                ChaosCluster cluster = new ChaosCluster(parts);
                SpotMachines machines = SpotMachines.open(parts, folder)) {
            made = run(cluster, machines);
        }
        if (violations.isEmpty()) {
            Trees.delete(folder);
        }
        return made;
    }

    private ToldMachine run(ChaosCluster cluster, SpotMachines machines) throws IOException, InterruptedException {
        SpotJobs jobs = new SpotJobs(cluster, folder);
        int mebibytes = 0;
        for (int job = 0; job < plan.jobs(); job++) {
            int size = random.nextInt(plan.smallest(), plan.largest() + 1);
            jobs.submit(size, NODE);
            mebibytes += size;
        }
        jobs.awaitStarted();
        for (WitnessedJob job : jobs.all()) {
            if (random.nextBoolean()) {
                save(cluster, job);
            }
        }
        // How much it has to lose is part of what is tried.
        Thread.sleep(random.nextInt(MOST_WORKING_MILLIS));
        long announced = System.currentTimeMillis();
        long deadline = announced + notice.toMillis();
        machines.interrupt(1, notice);
        if (!SpotJobs.await(() -> cluster.evacuation(NODE).filter(one -> one.getJobsCount() == plan.jobs()).isPresent())) {
            violations.add("no plan was made of the notice");
            return made(mebibytes, 0, System.currentTimeMillis() - announced, announced);
        }
        long planned = System.currentTimeMillis() - announced;
        boolean over =
                SpotJobs.await(
                        () ->
                                System.currentTimeMillis() > deadline
                                        && cluster.evacuation(NODE).orElseThrow().getState() == EvacuationState.EVACUATED
                                        && jobs.all().stream().noneMatch(job -> cluster.nodesWith(job.id()).contains(1)));
        Evacuation done = cluster.evacuation(NODE).orElseThrow();
        if (!over) {
            violations.add("the evacuation is " + done.getState() + " long after the machine's end: " + done.getJobsList());
        }
        List<WitnessedJob> alive = new ArrayList<>();
        for (WitnessedJob job : jobs.all()) {
            Evacuee evacuee = done.getJobsList().stream().filter(one -> one.getJob().equals(job.id())).findFirst().orElseThrow();
            if (check(cluster, jobs, job, evacuee, deadline)) {
                alive.add(job);
            }
        }
        long millis = System.currentTimeMillis() - announced;
        violations.addAll(jobs.results(alive));
        return made(mebibytes, planned, millis, announced);
    }

    private static void save(ChaosCluster cluster, WitnessedJob job) throws IOException {
        long step = job.last();
        Operation saved = cluster.end(cluster.checkpoint(job.id()), Duration.ofMinutes(5));
        if (saved.getState() != OperationState.SUCCEEDED) {
            throw new FerryException(saved.getError());
        }
        job.saved(step);
    }

    private ToldMachine made(int mebibytes, long planned, long millis, long announced) {
        return new ToldMachine(number, cloud.name().toLowerCase(Locale.ROOT), notice.toMillis(), plan.jobs(), mebibytes, promised, escaped, fromImage, gone, planned, Math.max(0, lastSaved - announced), millis, violations);
    }

    /**
     * Compares what became of a job with what was said of it at the notice.
     *
     * @return whether it lives
     */
    private boolean check(ChaosCluster cluster, SpotJobs jobs, WitnessedJob job, Evacuee evacuee, long deadline) throws IOException, InterruptedException {
        String of = job.name() + " (" + evacuee.getFirstWay() + "): ";
        boolean wasPromised = evacuee.getFirstWay() == EvacuationWay.WAY_MIGRATE || evacuee.getFirstWay() == EvacuationWay.WAY_STORE;
        boolean isWhole = evacuee.getState() == EvacueeState.ELSEWHERE && !evacuee.getFromImage();
        promised += wasPromised ? 1 : 0;
        if (wasPromised && !isWhole) {
            violations.add(of + "it was promised to be saved: " + evacuee.toString().replace('\n', ' '));
        }
        Job now = cluster.job(job.id());
        if (now.getState() == JobState.LOST && now.getLatestImage().isEmpty()) {
            gone++;
            return false;
        }
        if (!jobs.runsAgain(job)) {
            violations.add(of + "it does not run again: " + cluster.job(job.id()).toString().replace('\n', ' '));
            return false;
        }
        if (cluster.nodesWith(job.id()).contains(1)) {
            violations.add(of + "it has processes on the machine that is gone");
        }
        if (isWhole) {
            escaped += wasPromised ? 0 : 1;
            checkImage(cluster, now, of, deadline);
        } else {
            fromImage++;
        }
        job.violations(isWhole ? 0 : 1).forEach(what -> violations.add(of + what));
        return true;
    }

    /** It goes on from an image that was made on the machine and was whole before its end. */
    private void checkImage(ChaosCluster cluster, Job job, String of, long deadline) {
        Optional<Image> image = cluster.images(job.getId()).stream().filter(one -> one.getId().equals(job.getLatestImage())).findFirst();
        Optional<Long> whole = image.flatMap(one -> cluster.operations(job.getId()).stream().filter(operation -> operation.getId().equals(one.getOperation())).findFirst()).flatMap(ToldRun::dumped);
        if (image.isEmpty() || !image.get().getNode().equals(NODE) || whole.isEmpty() || whole.get() > deadline) {
            violations.add(of + "its image is not of " + NODE + " from before the deadline: " + image + ", whole at " + whole.map(at -> at - deadline + " ms from it"));
        } else {
            lastSaved = Math.max(lastSaved, whole.get());
        }
    }

    private static Optional<Long> dumped(Operation operation) {
        return operation.getStepsList().stream().filter(step -> step.getName().equals("DUMP")).map(Step::getEndedAt).filter(ended -> ended > 0).findFirst();
    }
}
