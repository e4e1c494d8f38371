package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.Failure;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.JobStates;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** Waits for what becomes of a job. */
final class JobEnd {
    /** How long it may take until what brings a lost job back has seen that it is lost. */
    private static final Duration SEEN = Duration.ofSeconds(5);

    private static final Duration LOOK = Duration.ofMillis(250);

    /** An answer that takes so long was waited for over a restart. */
    private static final Duration LATE = Duration.ofSeconds(1);

    private static final int MOST_LATE = 5;

    /** What a lost job has said may still be on its way. */
    private static final Duration LAST_WORDS = Duration.ofSeconds(2);

    private JobEnd() {}

    /** Of a job that a user names. It is looked for once: a name may be another job's later. */
    static String id(Client client, String job) {
        return client.look(stub -> stub.getJob(GetJobRequest.newBuilder().setJob(job).build())).getId();
    }

    /** Waits until a job has a state, or can't get it any more. */
    static Job awaitState(Client client, String job, Predicate<JobState> wanted) {
        return await(client, job, told -> wanted.test(told.getState()));
    }

    private static Job await(Client client, String job, Predicate<Job> wanted) {
        Job[] found = new Job[1];
        try {
            return client.follow(
                    stub -> stub.watchJob(GetJobRequest.newBuilder().setJob(job).build()),
                    told -> {
                        if (wanted.test(told)) {
                            found[0] = told;
                            throw new Reached();
                        }
                    });
        } catch (Reached reached) {
            return found[0];
        }
    }

    private static final class Reached extends RuntimeException {
        private static final long serialVersionUID = 1;

        Reached() {
            super(null, null, false, false);
        }
    }

    static void refuseFailed(Job job) {
        if (job.getState() == JobState.FAILED) {
            throw new FerryException(job.getError());
        }
    }

    /**
     * Exit status of a job's end: its own; 130 when it was cancelled. One that is lost and comes back has not ended.
     *
     * @throws FerryException JOB_LOST when it does not come back; what has kept it from starting
     */
    static int await(Client client, String job) {
        Job ended = awaitEnd(client, job);
        return switch (ended.getState()) {
            case EXITED -> ended.getExitStatus();
            case CANCELLED_JOB -> {
                System.err.println("ferry: job " + ended.getId() + " was cancelled");
                yield 130;
            }
            case LOST -> throw new FerryException(ErrorCode.JOB_LOST, "Job " + ended.getId() + " is lost: " + ended.getReason());
            case FAILED, PENDING, STARTING, RUNNING, PARKED, SUSPENDED, RESTORING, UNREACHABLE, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> {
                refuseFailed(ended);
                throw new FerryException(ErrorCode.INTERNAL, "Job " + ended.getId() + " is " + ended.getState());
            }
        };
    }

    private static Job awaitEnd(Client client, String job) {
        boolean[] told = new boolean[1];
        while (true) {
            Job now = await(client, job, one -> JobStates.isEnded(one.getState()) || isLost(one, told));
            if (now.getState() != JobState.LOST || staysLost(client, now)) {
                return now;
            }
        }
    }

    private static boolean isLost(Job job, boolean[] told) {
        boolean lost = job.getState() == JobState.LOST;
        if (lost && JobStates.comesBack(job) && !told[0]) {
            told[0] = true;
            System.err.println("ferry: job " + job.getId() + " is lost (" + Texts.plain(job.getReason()) + "), and " + (job.getLatestImage().isEmpty() ? "is brought back by operation " + job.getOperation() : "waits to be restored from image " + job.getLatestImage()));
        }
        return lost && !JobStates.comesBack(job);
    }

    /** An evacuation, or whatever brings it back, sees a moment later than this that it is lost. */
    private static boolean staysLost(Client client, Job lost) {
        long end = System.nanoTime() + (lost.getLatestImage().isEmpty() ? 0 : SEEN.toNanos());
        Job now = lost;
        int late = 0;
        while (now.getState() == JobState.LOST && !JobStates.comesBack(now)) {
            if (System.nanoTime() - end >= 0) {
                return true;
            }
            LockSupport.parkNanos(LOOK.toNanos());
            long asked = System.nanoTime();
            now = client.look(stub -> stub.getJob(GetJobRequest.newBuilder().setJob(lost.getId()).build()));
            if (System.nanoTime() - asked > LATE.toNanos() && late < MOST_LATE) {
                // The coordinator was away: nobody could see it.
                late++;
                end = System.nanoTime() + SEEN.toNanos();
            }
        }
        return false;
    }

    /**
     * Shows a job's output until it ends.
     *
     * @return its exit status, as {@link #await(Client, String)}
     */
    static int follow(Client client, String job) {
        // The log of a job that is lost and stays so has no end.
        CompletableFuture<Boolean> log =
                inBackground(
                        "log",
                        () -> {
                            copyLog(client, job);
                            return true;
                        });
        CompletableFuture<Integer> end = inBackground("end", () -> await(client, job));
        try {
            Object ignored = CompletableFuture.anyOf(log, end).join();
            int status = end.join();
            boolean whole = log.join();
            return status;
        } catch (CompletionException failed) {
            boolean ignored = log.copy().completeOnTimeout(false, LAST_WORDS.toMillis(), TimeUnit.MILLISECONDS).exceptionally(broken -> false).join();
            throw failed.getCause() instanceof RuntimeException known ? known : failed;
        }
    }

    /** What is missing of its log does not change how a job has ended. */
    private static void copyLog(Client client, String job) {
        try {
            JobLog.copy(client, job, 0, true);
        } catch (FerryException down) {
            if (down.code() != ErrorCode.NODE_DOWN) {
                throw down;
            }
            System.err.print(Failure.text(down.detail()));
        }
    }

    /**
     * Waits for no longer than the user wants.
     *
     * @param atMost empty: for ever
     * @param late what is to be said when it was over
     * @param advice where to look then
     * @throws FerryException DEADLINE_EXCEEDED
     */
    static <T> T within(Optional<Duration> atMost, String late, String advice, Supplier<T> wait) {
        if (atMost.isEmpty()) {
            return wait.get();
        }
        try {
            return inBackground("wait", wait).get(atMost.get().toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException over) {
            throw new FerryException(ErrorDetail.newBuilder().setCode(ErrorCode.DEADLINE_EXCEEDED).setMessage(late).setAdvice(advice).build());
        } catch (ExecutionException failed) {
            throw failed.getCause() instanceof RuntimeException known ? known : new IllegalStateException(failed);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new FerryException(ErrorCode.CANCELLED, "The wait was interrupted", interrupted);
        }
    }

    private static <T> CompletableFuture<T> inBackground(String name, Supplier<T> work) {
        return CompletableFuture.supplyAsync(work, run -> Thread.ofPlatform().daemon().name(name).start(run));
    }
}
