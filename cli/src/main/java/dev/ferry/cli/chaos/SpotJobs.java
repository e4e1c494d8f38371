package dev.ferry.cli.chaos;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.JobStates;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** The witnessed jobs of one cluster of spot machines, with what is waited for. */
final class SpotJobs {
    /** Large jobs on a machine that does other things too. */
    private static final Duration MOST_SETTLING = Duration.ofMinutes(5);

    private static final int ENOUGH_STEPS = 5;
    /** As much of a machine as four of them leave each other: they fill their memory before they begin. */
    private static final int CPU_MILLIS = 400;

    private final ChaosCluster cluster;
    private final Path programs;
    private final Path witnesses;
    private final List<WitnessedJob> all = new ArrayList<>();

    SpotJobs(ChaosCluster cluster, Path folder) throws IOException {
        this.cluster = cluster;
        programs = WitnessedJob.programs(folder);
        witnesses = Files.createDirectories(folder.resolve("witnesses"));
    }

    List<WitnessedJob> all() {
        return all;
    }

    /**
     * @param node where it starts; empty: anywhere
     */
    WitnessedJob submit(int mebibytes, String node) {
        WitnessedJob job = new WitnessedJob("job-" + (all.size() + 1), programs, witnesses, mebibytes);
        job.submitted(cluster.submit(job.spec().toBuilder().setNode(node).setCpuMillis(CPU_MILLIS).build()));
        all.add(job);
        return job;
    }

    /** Something that is looked at. */
    interface Condition {
        boolean holds() throws IOException;
    }

    /** Whether it comes to hold within the time that is given to all that must come. */
    static boolean await(Condition condition) throws IOException, InterruptedException {
        long end = System.nanoTime() + MOST_SETTLING.toNanos();
        while (!condition.holds()) {
            if (System.nanoTime() > end) {
                return false;
            }
            Thread.sleep(ChaosCluster.LOOK);
        }
        return true;
    }

    /** Waits until all that were submitted run. */
    void awaitStarted() throws IOException, InterruptedException {
        for (WitnessedJob job : all) {
            if (!runsAgain(job)) {
                throw new FerryException(ErrorCode.START_FAILED, "Job " + job.id() + " did not start: " + cluster.job(job.id()));
            }
        }
    }

    /** Waits until a job does further steps and nothing is done to it; one that ended, or has nothing to go on from, never will. */
    boolean runsAgain(WitnessedJob job) throws IOException, InterruptedException {
        long[] before = {job.last()};
        boolean[] runs = {false};
        boolean decided =
                await(
                        () -> {
                            Job now = cluster.job(job.id());
                            long last = job.last();
                            // It went back.
                            before[0] = Math.min(before[0], last);
                            runs[0] = now.getState() == JobState.RUNNING && now.getOperation().isEmpty() && last > before[0] + ENOUGH_STEPS;
                            boolean lost = now.getState() == JobState.LOST && now.getLatestImage().isEmpty();
                            return runs[0] || lost || JobStates.isEnded(now.getState());
                        });
        return decided && runs[0];
    }

    /** Lets jobs end, and says what is wrong with their results. */
    List<String> results(List<WitnessedJob> of) throws IOException, InterruptedException {
        List<String> wrong = new ArrayList<>();
        for (WitnessedJob job : of) {
            job.askToEnd();
        }
        for (WitnessedJob job : of) {
            boolean ended = await(() -> cluster.job(job.id()).getState() != JobState.RUNNING);
            Job now = cluster.job(job.id());
            if (!ended || now.getState() != JobState.EXITED || now.getExitStatus() != 0) {
                wrong.add(job.name() + ": it should have ended by itself, and is " + now.getState() + " with status " + now.getExitStatus());
            } else {
                job.wrongResult().ifPresent(what -> wrong.add(job.name() + ": " + what));
            }
        }
        return wrong;
    }
}
