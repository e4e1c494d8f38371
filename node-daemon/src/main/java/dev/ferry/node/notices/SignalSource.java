package dev.ferry.node.notices;

import dev.ferry.node.notices.Announcement.Deadline;
import dev.ferry.node.posix.Signals;
import dev.ferry.proto.v1.NoticeKind;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * A signal to the daemon, for whatever has nothing better: a UPS, a script of the system's shutdown. It stands until the daemon ends; sent again
 * it changes nothing.
 */
final class SignalSource implements NoticeSource {
    /** Those that the virtual machine does not need itself, and that mean nothing else to a daemon. */
    static final List<String> SIGNALS = List.of("PWR", "USR1");

    private static final Duration LOOK = Duration.ofMinutes(1);

    private final String signal;
    private final BlockingQueue<Instant> came = new ArrayBlockingQueue<>(1);
    private Optional<Announcement> standing = Optional.empty();
    private boolean lookedBefore;

    SignalSource(String signal) {
        this.signal = signal;
        Signals.onSignal(signal, () -> {
            boolean ignored = came.offer(Instant.now());
        });
    }

    @Override
    public String name() {
        return "signal";
    }

    /** The first look is over at once: it says that nothing stands of what an earlier daemon was told. */
    @Override
    public List<Announcement> look() throws InterruptedException {
        Instant at = lookedBefore ? came.poll(LOOK.toSeconds(), TimeUnit.SECONDS) : came.poll();
        lookedBefore = true;
        if (at != null && standing.isEmpty()) {
            standing = Optional.of(new Announcement(at.toString(), NoticeKind.FINAL, new Deadline.Unknown(), 1, "the daemon got the signal " + signal));
        }
        return standing.stream().toList();
    }

    @Override
    public Duration pause() {
        return Duration.ZERO;
    }

    @Override
    public int looksUntilGone() {
        return 1;
    }
}
