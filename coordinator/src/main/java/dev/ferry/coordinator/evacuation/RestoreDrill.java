package dev.ferry.coordinator.evacuation;

import dev.ferry.common.Clock;
import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.Drill;
import dev.ferry.proto.v1.DrillKind;
import dev.ferry.proto.v1.DrillOutcome;
import dev.ferry.proto.v1.DrillState;
import dev.ferry.proto.v1.DrilledImage;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.TriedRestore;
import dev.ferry.proto.v1.TryRestore;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The trial of images, one after the other: a node that has room restores each into a sandbox that is thrown away. It is no life of its job, of
 * which nothing changes in the store. What is known only here is which order is out: another coordinator gives it again.
 */
final class RestoreDrill {
    /** Beyond a node's own deadline. */
    private static final Duration GRACE = Duration.ofSeconds(30);

    private static final String DELETED = "it was deleted meanwhile";

    private final StateStore store;
    private final CommandDesk desk;
    private final Duration deadline;
    private final Clock clock;
    private final Set<String> unfit = new HashSet<>();
    private @Nullable Trial trial;

    /**
     * An order that is out.
     *
     * @param answer empty until it came
     * @param since on the monotonic clock
     */
    private record Trial(String drill, String image, CommandDesk.Open order, AtomicReference<@Nullable CommandResult> answer, long since) {}

    /** What to do with an image: an order for a node, or a word on why there is none. */
    private sealed interface Next {
        record Order(String node, Command command) implements Next {}

        record Over(DrilledImage image) implements Next {}
    }

    RestoreDrill(StateStore store, CommandDesk desk, Duration deadline, Clock clock) {
        this.store = store;
        this.desk = desk;
        this.deadline = deadline;
        this.clock = clock;
    }

    /** The latest images of jobs that have not ended; first those that no drill has tried yet, the newest of them first. */
    static Drill.Builder drill(Transaction state, int sample) {
        Set<String> tried =
                state.records(Drills.KIND, RecordQuery.all()).stream().flatMap(one -> one.getImagesList().stream()).filter(one -> one.getOutcome() == DrillOutcome.CAN_BE_RESTORED).map(DrilledImage::getImage).collect(Collectors.toSet());
        Drill.Builder drill = Drill.newBuilder().setKind(DrillKind.DRILL_RESTORE);
        Comparator<Image> first = Comparator.comparing((Image image) -> tried.contains(image.getId())).thenComparing(Comparator.comparingLong(Image::getCreatedAt).reversed()).thenComparing(Image::getId);
        state.liveJobs().stream()
                .filter(job -> !JobStates.isEnded(job.getState()))
                .map(Job::getLatestImage)
                .filter(image -> !image.isEmpty())
                .flatMap(image -> state.image(image).stream())
                .sorted(first)
                .limit(sample)
                .forEach(image -> drill.addImages(DrilledImage.newBuilder().setImage(image.getId()).setJob(image.getJob())));
        return drill;
    }

    void look(Drill open) {
        Trial out = trial;
        if (out != null && !out.drill().equals(open.getId())) {
            drop(out);
            out = null;
        }
        if (out != null) {
            CommandResult answer = out.answer().get();
            boolean silent = clock.since(out.since()).compareTo(deadline.plus(GRACE)) > 0;
            if (answer != null || silent) {
                drop(out);
                String silence = "node " + out.order().node() + " did not answer";
                take(open, out, answer != null ? answer : CommandResult.newBuilder().setTried(TriedRestore.newBuilder().setNotTried(silence)).build());
            }
            return;
        }
        Optional<DrilledImage> next = open.getImagesList().stream().filter(one -> one.getOutcome() == DrillOutcome.DRILL_OUTCOME_UNSPECIFIED).findFirst();
        if (next.isEmpty()) {
            store.transact(state -> write(state, open.toBuilder().setState(DrillState.DRILL_DONE).setEndedAt(state.now()).build()));
            return;
        }
        switch (store.transact(state -> decide(state, open, next.get()))) {
            case Next.Over over -> finish(open, over.image());
            case Next.Order order -> give(open, next.get(), order);
        }
    }

    private Next decide(Transaction state, Drill drill, DrilledImage one) {
        Optional<Image> image = state.image(one.getImage());
        Optional<Job> job = state.job(one.getJob());
        if (image.isEmpty() || job.isEmpty()) {
            return new Next.Over(notTried(one, DELETED));
        }
        if (image.get().getRequirements().getGpuUsesCount() > 0) {
            return new Next.Over(notTried(one, "it needs GPUs, which are not taken for a trial"));
        }
        Optional<String> node = new Rooms(state, unfit).take(job.get().getSpec(), Optional.of(image.get().getRequirements()));
        if (node.isEmpty()) {
            return new Next.Over(notTried(one, one.getWhy().isEmpty() ? "no node has room for it now" : one.getWhy()));
        }
        Command command =
                Command.newBuilder()
                        .setId(drill.getId() + "/" + one.getImage() + "/" + (unfit.size() + 1))
                        .setJob(one.getJob())
                        .setDeadlineMillis(deadline.toMillis())
                        .setTryRestore(TryRestore.newBuilder().setSpec(job.get().getSpec()).setImage(one.getImage()))
                        .build();
        return new Next.Order(node.get(), command);
    }

    private static DrilledImage notTried(DrilledImage one, String why) {
        return one.toBuilder().setOutcome(DrillOutcome.NOT_TRIED).setWhy(why).build();
    }

    private void give(Drill open, DrilledImage one, Next.Order next) {
        AtomicReference<@Nullable CommandResult> answer = new AtomicReference<>();
        CommandDesk.Open order = desk.order(next.node(), next.command(), () -> true, answer::set, progress -> {});
        trial = new Trial(open.getId(), one.getImage(), order, answer, clock.nanos());
    }

    private void drop(Trial out) {
        trial = null;
        desk.drop(out.order());
        desk.acknowledge(out.order().node(), out.order().command().getId());
    }

    private void take(Drill open, Trial out, CommandResult answer) {
        DrilledImage before = open.getImagesList().stream().filter(one -> one.getImage().equals(out.image())).findFirst().orElseThrow();
        DrilledImage.Builder now = before.toBuilder().setNode(out.order().node()).setTookMillis(Math.max(1, clock.since(out.since()).toMillis()));
        String why = answer.getTried().getNotTried();
        if (!why.isEmpty()) {
            // Another node may be able to: only when none is left this is the answer.
            unfit.add(out.order().node());
            replace(open, now.setWhy(why).clearNode().clearTookMillis().build());
        } else if (answer.hasError() && store.transact(state -> state.image(out.image())).isEmpty()) {
            // What was taken from under the trial says nothing of the image.
            finish(open, notTried(before, DELETED));
        } else if (answer.hasError()) {
            finish(open, now.setOutcome(DrillOutcome.CANT_BE_RESTORED).setWhy(answer.getError().getMessage()).build());
        } else {
            finish(open, now.setOutcome(DrillOutcome.CAN_BE_RESTORED).clearWhy().setProcesses(answer.getTried().getProcesses()).build());
        }
    }

    private void finish(Drill open, DrilledImage image) {
        unfit.clear();
        replace(open, image);
    }

    private void replace(Drill open, DrilledImage image) {
        store.transact(
                state -> {
                    Drill.Builder now = state.record(Drills.KIND, open.getId()).orElse(open).toBuilder();
                    for (int at = 0; at < now.getImagesCount(); at++) {
                        if (now.getImages(at).getImage().equals(image.getImage())) {
                            now.setImages(at, image);
                        }
                    }
                    return write(state, now.build());
                });
    }

    private static boolean write(Transaction state, Drill drill) {
        state.put(Drills.KIND, drill);
        return true;
    }
}
