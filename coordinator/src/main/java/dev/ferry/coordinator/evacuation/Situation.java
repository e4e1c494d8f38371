package dev.ferry.coordinator.evacuation;

import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.operations.StepName;
import dev.ferry.coordinator.placement.Usage;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.Requirements;
import dev.ferry.proto.v1.Resources;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * What the plan for a node rests on, as the store has it.
 *
 * @param jobs those on the node that can be saved or given up
 */
record Situation(List<JobAtStake> jobs, Pace pace) {
    /** What a second of a GPU is worth in seconds of a CPU: about what clouds ask for one and for the other. */
    static final double GPU_WEIGHT = 32;

    private static final int PAST_OPERATIONS = 100;
    private static final int PAST_DUMPS = 20;

    /**
     * @param cause of the operations that are tries to save them
     * @param pause the longest between two tries
     */
    static Situation of(Transaction state, String node, String cause, Duration pause, EvacuationConfig config, Rooms rooms) {
        List<JobAtStake> jobs = new ArrayList<>();
        // What is worth the most gets the room there is.
        List<Job> there = state.liveJobs().stream().filter(job -> job.getNode().equals(node) && isAtStake(state, job)).sorted(Comparator.comparingDouble((Job job) -> -weight(job)).thenComparing(Job::getId)).toList();
        for (Job job : there) {
            jobs.add(atStake(state, job, new JobHistory(state, job, cause), pause, rooms));
        }
        return new Situation(List.copyOf(jobs), pace(state, node, config));
    }

    /** How fast a node saves jobs, by its last dumps. */
    static Pace pace(Transaction state, String node, EvacuationConfig config) {
        return Pace.measured(dumps(state, node), config.assumed());
    }

    /** One that is being given up already needs no plan. */
    private static boolean isAtStake(Transaction state, Job job) {
        boolean givenUp = state.operation(job.getOperation()).filter(operation -> operation.getKind() == OperationKind.REWIND || operation.getKind() == OperationKind.CANCEL).isPresent();
        return JobStates.isOnNode(job.getState()) && !givenUp;
    }

    static double weight(Job job) {
        Resources wanted = Usage.wanted(job.getSpec());
        return wanted.getGpus() * GPU_WEIGHT + wanted.getCpuMillis() / 1000.0;
    }

    private static JobAtStake atStake(Transaction state, Job job, JobHistory history, Duration pause, Rooms rooms) {
        Optional<Image> image = job.getLatestImage().isEmpty() ? Optional.empty() : state.image(job.getLatestImage());
        Optional<Duration> underWay = JobHistory.underWay(state, job);
        boolean room = underWay.isPresent() || (!history.foundNoTarget() && rooms.take(job.getSpec(), image.map(Image::getRequirements)).isPresent());
        return new JobAtStake(
                job.getId(), weight(job), unsaved(state, job, image, history), image.map(Image::getId), scanBytes(job, image), sendBytes(state, job, image, unsaved(state, job, image, history)), room, obstacle(job, history), underWay, history.turn(state.now(), pause));
    }

    private static Optional<String> obstacle(Job job, JobHistory history) {
        return switch (job.getState()) {
            case UNREACHABLE -> Optional.of("its node does not answer");
            case STARTING, RESTORING, RUNNING, PARKED -> history.obstacle();
            case PENDING, SUSPENDED, LOST, EXITED, CANCELLED_JOB, FAILED, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> Optional.empty();
        };
    }

    /** Since the freeze of its last image, or since it came back from it. A parked job does nothing, but what it did before is in no image. */
    static Duration unsaved(Transaction state, Job job, Optional<Image> image, JobHistory history) {
        long began = history.lifeBegan().orElse(job.getStartedAt() == 0 ? state.now() : job.getStartedAt());
        long since = Math.max(began, image.map(Image::getCreatedAt).orElse(0L));
        return Duration.ofMillis(Math.max(0, state.now() - since));
    }

    /** As much as the last image; of a job that has none not more is known than what it may use. */
    private static long scanBytes(Job job, Optional<Image> image) {
        return image.map(Situation::scanned).filter(bytes -> bytes > 0).orElseGet(() -> Usage.wanted(job.getSpec()).getMemoryBytes());
    }

    /** What a dump had to look at: a hole takes none of its time, however long it is. */
    private static long scanned(Image image) {
        return image.getBytes() - image.getHoleBytes();
    }

    /** A job changes its memory at the rate of before, and at most all of it. */
    private static long sendBytes(Transaction state, Job job, Optional<Image> image, Duration unsaved) {
        return image.isEmpty() ? scanBytes(job, image) : sendBytes(state.images(job.getId()), unsaved);
    }

    /**
     * How much of a job is new since its last image.
     *
     * @param images all it has, one at least, the last one last
     */
    static long sendBytes(List<Image> images, Duration unsaved) {
        Image last = images.getLast();
        long whole = images.stream().mapToLong(Image::getSentBytes).max().orElse(last.getSentBytes());
        if (images.size() < 2) {
            return whole;
        }
        Image before = images.get(images.size() - 2);
        long interval = Math.max(1, last.getCreatedAt() - before.getCreatedAt());
        double changed = (double) last.getSentBytes() * Math.max(1, (double) unsaved.toMillis() / interval);
        return (long) Math.min((double) whole, changed);
    }

    private static List<Pace.Dump> dumps(Transaction state, String node) {
        List<Pace.Dump> dumps = new ArrayList<>();
        for (Operation operation : state.operations("", PAST_OPERATIONS)) {
            for (Step step : operation.getStepsList()) {
                boolean dump = step.getName().equals(StepName.DUMP.name()) && step.getNode().equals(node) && step.getState() == StepState.STEP_DONE;
                if (dump && dumps.size() < PAST_DUMPS) {
                    state.image(operation.getImage()).ifPresent(image -> dumps.add(new Pace.Dump(scanned(image), image.getSentBytes(), Duration.ofMillis(step.getEndedAt() - step.getStartedAt()))));
                }
            }
        }
        return dumps;
    }

    /** Whether a job is where the plan can do something for it. */
    static boolean isThere(Job job, String node) {
        return job.getNode().equals(node) && JobStates.isOnNode(job.getState());
    }

    /** What an image needs of a node. */
    static Optional<Requirements> needs(Transaction state, Job job) {
        return job.getLatestImage().isEmpty() ? Optional.empty() : state.image(job.getLatestImage()).map(Image::getRequirements);
    }

    /** A life that is over and that nothing but its image is left of. */
    static boolean isStored(Job job) {
        return job.getState() == JobState.SUSPENDED || (job.getState() == JobState.LOST && !job.getLatestImage().isEmpty());
    }
}
