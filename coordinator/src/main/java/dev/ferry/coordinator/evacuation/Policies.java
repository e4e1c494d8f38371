package dev.ferry.coordinator.evacuation;

import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.store.RecordKind;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobPolicy;
import dev.ferry.scheduling.fresh.FreshPolicy;
import dev.ferry.scheduling.fresh.FreshPolicy.Facts;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** How often images of each job are made while it runs: what was asked for, and what follows from it now. */
public final class Policies {
    /** What was changed after the job's submission; its parent is the job. */
    static final RecordKind<JobPolicy> KIND = new RecordKind<>("job-policy", JobPolicy.parser(), JobPolicy::getJob, JobPolicy::getJob, policy -> 0);

    /** Auto on a node of a pool that loses machines often, for a job that runs long; never elsewhere. */
    static final String EXPOSED = "exposed";

    private static final Duration LONGEST = Duration.ofDays(365);

    /** What a cloud that says something says at least. */
    private static final Duration SHORTEST_NOTICE = Duration.ofSeconds(30);

    private final EvacuationConfig config;

    public Policies(EvacuationConfig config) {
        this.config = config;
    }

    /**
     * Reads auto, exposed, never, or a time.
     *
     * @return of exposed what it is where no machines are lost: never
     * @throws FerryException INVALID_ARGUMENT
     */
    public static FreshPolicy parse(String text) {
        return switch (text) {
            case "auto" -> FreshPolicy.auto();
            case "never", EXPOSED -> FreshPolicy.never();
            default -> {
                Duration every = Durations.parse(text);
                if (every.compareTo(LONGEST) > 0) {
                    throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Images can't be made every " + text + ", at most once in " + LONGEST.toDays() + " days; write 'never' for none");
                }
                if (every.isZero()) {
                    throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Images can't be made every " + text + "; write auto, exposed, never, or a time such as 10m");
                }
                yield FreshPolicy.every(every);
            }
        };
    }

    /**
     * What holds for a job, without what follows from it.
     *
     * @param changed after its submission; default: nothing was
     */
    JobPolicy asked(Job job, JobPolicy changed) {
        String submitted = job.getSpec().getCheckpointEvery().isEmpty() ? config.checkpoint() : job.getSpec().getCheckpointEvery();
        return JobPolicy.newBuilder()
                .setJob(job.getId())
                .setCheckpoint(changed.getCheckpoint().isEmpty() ? submitted : changed.getCheckpoint())
                .setMostFrozen(changed.getMostFrozen() > 0 ? changed.getMostFrozen() : config.mostFrozen())
                .build();
    }

    /** What holds for a job, and what follows from it now. */
    public JobPolicy show(Transaction state, Job job) {
        return look(state).show(job);
    }

    /** For all jobs at one time: what is the same for many is read once. */
    PolicyLook look(Transaction state) {
        return new PolicyLook(state, this, config);
    }

    /**
     * What decides how often images of a job are made.
     *
     * @param images all it has, the last one last
     * @param meanTime between interruptions that cost work
     * @param jobs on its node, itself among them: all of them share the link and the time when the machine goes away
     */
    static Facts facts(Optional<Image> image, List<Image> images, Duration meanTime, Pace pace, int jobs, EvacuationConfig config) {
        Duration cost = image.map(one -> Duration.ofNanos(one.getFreezeMicros() * 1000)).filter(time -> !time.isZero()).orElse(pace.fixed());
        // Of the time of all each has a part; what takes time but not the link is done beside each other.
        Duration part = SHORTEST_NOTICE.minus(Durations.parse(config.margin())).dividedBy(jobs);
        return new Facts(cost, meanTime, changedBytesPerSecond(images), pace.linkBytesPerSecond(), part, pace.fixed().dividedBy(Math.min(jobs, pace.lanes())));
    }

    /** What the last image sent that the one before had not, over the time between them; 0: there are no two. */
    private static double changedBytesPerSecond(List<Image> images) {
        if (images.size() < 2) {
            return 0;
        }
        Image last = images.getLast();
        double seconds = (last.getCreatedAt() - images.get(images.size() - 2).getCreatedAt()) / 1000.0;
        return seconds <= 0 ? 0 : last.getSentBytes() / seconds;
    }

    /** The job is gone. */
    public static void forget(Transaction state, String job) {
        state.delete(KIND, job);
    }

    /**
     * Changes what holds for a job.
     *
     * @param checkpoint empty: as it is
     * @param mostFrozen 0: as it is
     * @throws FerryException INVALID_ARGUMENT
     */
    public JobPolicy set(Transaction state, Job job, String checkpoint, double mostFrozen) {
        if (!(mostFrozen >= 0) || mostFrozen > 1) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "The share of frozen time must be above 0 and at most 1, not " + mostFrozen);
        }
        JobPolicy before = state.record(KIND, job.getId()).orElse(JobPolicy.newBuilder().setJob(job.getId()).build());
        JobPolicy.Builder after = before.toBuilder();
        if (!checkpoint.isEmpty()) {
            FreshPolicy ignored = parse(checkpoint);
            after.setCheckpoint(checkpoint);
        }
        if (mostFrozen > 0) {
            after.setMostFrozen(mostFrozen);
        }
        state.put(KIND, after.build());
        return show(state, job);
    }
}
