package dev.ferry.node.notices;

import dev.ferry.node.notices.Announcement.Deadline;
import dev.ferry.proto.v1.NoticeKind;
import java.io.IOException;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A shutdown of the system, as systemd's login manager tells it: one that is planned ({@code shutdown -h +30}), and one that has begun. A delay
 * lock is held meanwhile, so that a shutdown that has begun waits until the node is empty, at most for InhibitDelayMaxSec. Sources:
 * org.freedesktop.login1(5), systemd-inhibit(1), systemd.io/INHIBITOR_LOCKS.
 */
final class LogindSource implements NoticeSource, AutoCloseable {
    private static final String BEGUN = "shutdown-";
    private static final Duration LOOK = Duration.ofMillis(500);
    /** As busctl writes them: the type, then the value. */
    private static final Pattern SAID = Pattern.compile("b (true|false)\\s+t (\\d+)\\s+\\(st\\) \"([a-z-]*)\" (\\d+)\\s*");

    /** Of what may be planned: dry-... is none. */
    private static final Set<String> ENDS = Set.of("poweroff", "reboot", "halt", "kexec", "soft-reboot");
    private static final BigInteger LONGEST_DELAY = BigInteger.valueOf(Duration.ofDays(1).toNanos() / 1000);
    private static final BigInteger LATEST = BigInteger.valueOf(Long.MAX_VALUE);

    private final String boot;
    private final List<String> question;
    private final List<String> lockCommand;
    private @Nullable Process lock;
    private boolean released;

    /**
     * @param busctl asks the login manager; by name or path
     * @param inhibit holds the lock for as long as it runs; by name or path
     * @param boot of the machine's kernel: a shutdown has no name of its own, and there will be another after the next start
     */
    LogindSource(String busctl, String inhibit, String boot) {
        this.boot = boot;
        question =
                List.of(
                        busctl, "--system", "get-property", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "PreparingForShutdown", "InhibitDelayMaxUSec", "ScheduledShutdown");
        // It ends with its input, which is a pipe of ours: also when this daemon is killed.
        lockCommand = List.of(inhibit, "--what=shutdown", "--mode=delay", "--who=ferry", "--why=jobs are moved away", "cat");
    }

    @Override
    public String name() {
        return "systemd";
    }

    @Override
    public List<Announcement> look() throws IOException, InterruptedException {
        List<Announcement> announced = read(CommandOutput.of(question), boot);
        keepLock(announced.stream().anyMatch(one -> one.event().startsWith(BEGUN)));
        return announced;
    }

    static List<Announcement> read(String said, String boot) throws Garbage {
        Matcher found = SAID.matcher(said);
        if (!found.matches()) {
            throw new Garbage("the login manager's properties", said);
        }
        List<Announcement> announced = new ArrayList<>();
        if (found.group(1).equals("true")) {
            // An unlimited delay is the largest number of 64 bits without a sign.
            Duration delay = Duration.of(new BigInteger(found.group(2)).min(LONGEST_DELAY).longValueExact(), ChronoUnit.MICROS);
            announced.add(new Announcement(BEGUN + boot, NoticeKind.FINAL, new Deadline.After(delay), 1, "the system is shutting down"));
        }
        BigInteger at = new BigInteger(found.group(4));
        // A plan that is none has the latest time there is, or none.
        if (ENDS.contains(found.group(3)) && at.signum() > 0 && at.compareTo(LATEST) < 0) {
            Instant time = Instant.EPOCH.plus(at.longValueExact(), ChronoUnit.MICROS);
            announced.add(new Announcement("planned-" + at, NoticeKind.MAINTENANCE, new Deadline.At(time), 1, "planned: " + found.group(3)));
        }
        return announced;
    }

    /** Held while no shutdown has begun, and until all is done about one that has. */
    private synchronized void keepLock(boolean begun) throws IOException {
        released &= begun;
        if (!released && (lock == null || !lock.isAlive())) {
            lock = new ProcessBuilder(lockCommand).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
        }
    }

    /** The node is empty: the system need not wait any longer. */
    @Override
    public synchronized void settled(String event) throws IOException {
        if (event.startsWith(BEGUN)) {
            released = true;
            release();
        }
    }

    private void release() throws IOException {
        if (lock != null) {
            lock.getOutputStream().close();
        }
    }

    @Override
    public Duration pause() {
        return LOOK;
    }

    @Override
    public int looksUntilGone() {
        return 1;
    }

    @Override
    public synchronized void close() throws IOException {
        released = true;
        release();
    }
}
