package dev.ferry.node.gpu;

import dev.ferry.common.FerryException;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks again and again how this node's GPUs are, and which there are, in a thread of its own: an NVML that hangs holds up nobody, and what was known before holds until it answers. What is done about a change is
 * {@link GpuNode#onHealth}'s. Where jobs run, the meter's looks find it sooner: each look notes what it sees.
 */
public final class GpuWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(GpuWatch.class);
    private static final Duration EVERY = Duration.ofSeconds(4);

    private final GpuNode gpu;
    private final GpuPresence presence;
    private final CountDownLatch closing = new CountDownLatch(1);
    private final Thread thread;
    private String trouble = "";

    private GpuWatch(GpuNode gpu, Duration every) {
        this.gpu = gpu;
        presence = gpu.presence();
        thread = Thread.ofPlatform().daemon().name("gpu watch").unstarted(() -> loop(every));
    }

    /** Begins to look, where there is something to see. */
    public static Optional<GpuWatch> start(GpuNode gpu) {
        return start(gpu, EVERY);
    }

    static Optional<GpuWatch> start(GpuNode gpu, Duration every) {
        Optional<GpuWatch> watch = Optional.of(gpu).filter(GpuNode::hasDriver).map(there -> new GpuWatch(there, every));
        watch.ifPresent(one -> one.thread.start());
        return watch;
    }

    private void loop(Duration every) {
        try {
            while (!closing.await(every.toMillis(), TimeUnit.MILLISECONDS)) {
                look();
            }
        } catch (InterruptedException end) {
            Thread.currentThread().interrupt();
        }
    }

    private void look() throws InterruptedException {
        String now = "";
        try {
            gpu.learn();
            if (!presence.isDue(gpu.lost())) {
                LOG.debug("looked at {} GPUs", gpu.devices().size());
            } else if (!gpu.lookAnew()) {
                now = "NVML was begun anew and tells nothing";
                presence.failed();
            }
        } catch (IOException | FerryException failed) {
            presence.failed();
            now = String.valueOf(failed.getMessage());
        } catch (RuntimeException | Error failed) {
            // Of the link to the coordinator, say: the next look must come all the same.
            LOG.error("a look at the GPUs went wrong", failed);
        }
        // The same trouble once, not at every look.
        if (!now.isEmpty() && !now.equals(trouble)) {
            LOG.warn("how the GPUs are can't be seen, what was seen last holds: {}", now);
        }
        trouble = now;
    }

    @Override
    public void close() {
        // Not interrupted: a look is over soon, or hangs in the helper, and an interrupt would close the link to it for all.
        closing.countDown();
    }
}
