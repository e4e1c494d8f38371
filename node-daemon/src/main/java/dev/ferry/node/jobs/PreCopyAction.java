package dev.ferry.node.jobs;

import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.node.memory.Pace;
import dev.ferry.node.memory.PreCopyConfig;
import dev.ferry.node.memory.ProcessPages;
import dev.ferry.node.memory.Rounds;
import dev.ferry.node.posix.Posix;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.PreCopyJob;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Tenants;
import dev.ferry.storage.Images;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Copies a job's memory into the store while the job runs, so that the dump that follows finds most of it there. The
 * job is not stopped, traced or changed in any way: whatever happens here, it runs on, and nothing needs to be undone. Each
 * round reads all of the memory; the dump hashes everything again, so that a torn or an old page costs a chunk, never an image.
 */
final class PreCopyAction {
    /** Buffers for the pages on their way: their number bounds the memory of a pre-copy, and they never go to the spool. */
    private static final int BUFFERS = 16;
    /** After the target has fetched what was copied, a look or two at what changed meanwhile. */
    private static final int CATCH_UP_ROUNDS = 2;

    private final LocalJob job;
    private final PreCopyJob order;
    private final Phases phases;
    private final BufferPool buffers = new BufferPool(BUFFERS, Images.WINDOW_BYTES);
    private final Pace pace;
    private final Rounds rounds;
    private final Duration time;
    private final Duration deadline;
    private final long begin = System.nanoTime();

    PreCopyAction(LocalJob job, Command command, Phases phases) {
        this.job = job;
        this.phases = phases;
        order = command.getPreCopy();
        PreCopyConfig limits = job.context().preCopy();
        pace = new Pace(Sizes.parse(limits.bandwidth()), limits.cpusOf(Runtime.getRuntime().availableProcessors()));
        time = Durations.parse(limits.time());
        deadline = Duration.ofMillis(command.getDeadlineMillis());
        rounds = order.getCatchUp() ? new Rounds(CATCH_UP_ROUNDS, time) : new Rounds(limits.rounds(), time);
    }

    void run() throws Exception {
        if (!order.getCatchUp()) {
            job.context().images().forgetPreCopies(job.id());
        }
        List<Rounds.Round> done = new ArrayList<>();
        Rounds.Verdict verdict = Rounds.Verdict.AGAIN;
        while (verdict == Rounds.Verdict.AGAIN) {
            done.add(round(done.size() + 1));
            verdict = rounds.after(done, Duration.ofNanos(System.nanoTime() - begin));
        }
        if (verdict == Rounds.Verdict.TOO_FAST) {
            Rounds.Round last = done.getLast();
            throw new FerryException(
                    ErrorCode.DEADLINE_EXCEEDED,
                    "Job " + job.id() + " writes faster than it can be copied within the limits of node " + job.context().node() + ": after " + done.size() + " rounds " + last.fresh() + " of " + last.chunks() + " pieces of its memory were new");
        }
    }

    private Rounds.Round round(int number) throws Exception {
        Optional<String> previous = order.getPreviousImage().isEmpty() ? Optional.empty() : Optional.of(order.getPreviousImage());
        try (DumpHeap.Use heap = DumpHeap.OF_PROCESS.begin();
                ImageWriter copy = job.context().images().forTenant(Tenants.of(job.record().getSpec())).preCopy(order.getImage(), previous, buffers)) {
            heap.take(job.id(), JobMemory.of(job.cgroup().processes()).bytes());
            copy.room(heap.room(job.id()));
            // A later round knows more than it has read when it is cut: its record would take the place of a whole one's.
            boolean mayEndEarly = number == 1 && !order.getCatchUp();
            Image image = phases.measure("round " + number, copy::bytesIn, 0, () -> copy(copy, mayEndEarly));
            phases.record("sent", 0, image.getSentBytes());
            DumpAction.recordRecognised(phases, copy);
            return new Rounds.Round(image.getChunks(), image.getChunks() - image.getKnownChunks());
        }
    }

    private Image copy(ImageWriter copy, boolean mayEndEarly) throws IOException, InterruptedException {
        Set<String> shared = new HashSet<>();
        List<Integer> processes = job.cgroup().processes();
        if (processes.isEmpty()) {
            throw new FerryException(ErrorCode.WRONG_STATE, "Job " + job.id() + " ended by itself before it was copied");
        }
        Set<Integer> named = new HashSet<>();
        for (int pid : processes) {
            CopiedPages pages = CopiedPages.of(pid, named).orElse(null);
            if (pages == null) {
                continue;
            }
            // The same cuts as in CRIU's files of memory: the name says that these are pages.
            try (ByteSink sink = copy.file(pages.file())) {
                new ProcessPages(pid, shared).read(paced(copy, sink, pages, mayEndEarly));
            }
            pages.writeAddresses(copy);
        }
        return copy.commit(Image.newBuilder().setJob(job.id()).build());
    }

    private ProcessPages.Sink paced(ImageWriter copy, ByteSink sink, CopiedPages to, boolean mayEndEarly) {
        return new ProcessPages.Sink() {
            @Override
            public ByteBuffer take() throws InterruptedException {
                return copy.take();
            }

            @Override
            public void mapping(long begin, long end) {
                to.mapping(begin, end);
            }

            @Override
            public void pages(ByteBuffer owned, List<Posix.Range> from) throws InterruptedException {
                int bytes = owned.remaining();
                if (bytes == 0) {
                    copy.buffers().give(owned);
                    return;
                }
                to.add(from);
                sink.write(owned);
                pace.after(bytes);
            }

            /** A job that is too large for the time is copied ahead as far as it comes; of a round that is of no use unless it is whole the one before stays. */
            @Override
            public boolean isEnough() {
                long took = System.nanoTime() - begin;
                if (took > deadline.toNanos()) {
                    throw new FerryException(ErrorCode.DEADLINE_EXCEEDED, "The memory of job " + job.id() + " could not be copied within " + Durations.format(deadline) + " and the limits of node " + job.context().node());
                }
                return mayEndEarly && took > time.toNanos();
            }
        };
    }
}
