package dev.ferry.node.lease;

import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.posix.Posix;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The daemon's side of the lease: counts it and tells the watchdog until when jobs may run. The watchdog does the freezing and
 * thawing, all of it; this class sees to it that one is there, and not stopped, whenever there is something to watch.
 */
public final class NodeLease implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(NodeLease.class);
    private static final Duration LOOK = Duration.ofMillis(100);
    /** It looks every 50 ms. One that has not for so long is stopped or stuck. */
    private static final Duration STUCK = Duration.ofMillis(500);
    private static final long LOOK_NANOS = 2_000_000;
    /** The part of a lease that is left for the kernel to freeze all jobs: they are told to stop a sixth before its end. */
    private static final int FREEZING_PART = 6;

    private final JobCgroup group;
    private final LeaseFile lease;
    private final Watchdog watchdog;
    private final CountDownLatch closing = new CountDownLatch(1);
    private final Thread supervisor;
    private long lastAsked;
    private boolean said;
    /** Since when jobs are there that the kernel has not frozen though the lease is over, on {@link #clock}; 0: there are none. */
    private long runningSince;
    private boolean saidThatTheyRun;
    /** The watchdog that is known to look after our group. */
    private long checked;

    private NodeLease(JobCgroup group, LeaseFile lease, Watchdog watchdog) {
        this.group = group;
        this.lease = lease;
        this.watchdog = watchdog;
        supervisor = Thread.ofPlatform().daemon().name("lease").unstarted(this::supervise);
    }

    /**
     * Takes up the lease that an earlier daemon left, and its watchdog; or starts one if there are jobs.
     *
     * @param group holds all jobs that keep the lease; is made if it is not there
     */
    public static NodeLease open(Path folder, JobCgroup group, CgroupLayout layout) throws IOException {
        group.createFolders();
        LeaseFile file = LeaseFile.open(folder);
        NodeLease lease = new NodeLease(group, file, new Watchdog(folder, group.freezerFolder(), layout.unified().isEmpty(), file));
        lease.ensureWatchdog();
        lease.supervisor.start();
        return lease;
    }

    /** CLOCK_BOOTTIME in nanoseconds: what the lease is counted on. */
    public long clock() {
        try {
            return Posix.bootNanos();
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }

    /**
     * The coordinator has answered. An answer that comes late or out of order makes no lease shorter.
     *
     * @param askedAt when what it answers was about to be sent, on {@link #clock}
     */
    public synchronized void renew(long askedAt, Duration granted) {
        long freezeAt = askedAt + granted.toNanos() / FREEZING_PART * (FREEZING_PART - 1);
        if (askedAt < lastAsked || closing.getCount() == 0) {
            return;
        }
        boolean wasOver = isOver();
        lastAsked = askedAt;
        lease.freezeAt(freezeAt);
        if (wasOver && !isOver()) {
            try {
                ensureWatchdog();
            } catch (IOException | FerryException failed) {
                LOG.error("no watchdog can be had", failed);
            }
            if (said) {
                LOG.info("the lease is renewed: jobs go on");
            }
            said = false;
        }
    }

    /** Whether jobs that keep the lease must not run now. */
    public boolean isOver() {
        return clock() >= lease.freezeAt();
    }

    private void supervise() {
        try {
            while (!closing.await(LOOK.toMillis(), TimeUnit.MILLISECONDS)) {
                look();
            }
        } catch (InterruptedException end) {
            Thread.currentThread().interrupt();
        }
    }

    private void look() {
        try {
            ensureWatchdog();
            sayWhetherFrozen();
        } catch (IOException | RuntimeException | Error failed) {
            LOG.error("the watchdog could not be looked after; the jobs are frozen at the lease's end by the daemon itself", failed);
            freezeByOurselves();
        }
    }

    /** Once for each end of the lease, when it is known: the kernel has a while for it. */
    private synchronized void sayWhetherFrozen() {
        if (!isOver() || group.isEmpty()) {
            runningSince = 0;
            saidThatTheyRun = false;
        } else if (lease.frozenAt() > 0) {
            runningSince = 0;
            if (!said) {
                said = true;
                LOG.warn("the lease has ended before it was renewed: the jobs are frozen until the coordinator answers again");
            }
        } else if (runningSince == 0) {
            runningSince = clock();
        } else if (!saidThatTheyRun && clock() - runningSince > STUCK.toNanos()) {
            saidThatTheyRun = true;
            LOG.error(
                    "the lease has ended before it was renewed, and the kernel has not frozen the jobs in {}: they may run on, and be started elsewhere while they do; see watchdog.log of the lease's folder, and processes in state D",
                    group.path());
        }
    }

    /** There is no watchdog whose writes ours could contradict. */
    private void freezeByOurselves() {
        try {
            if (isOver()) {
                group.hold();
            }
        } catch (IOException failed) {
            LOG.error("the jobs can't be frozen", failed);
        }
    }

    private synchronized void ensureWatchdog() throws IOException {
        OptionalLong running = watchdog.running();
        if (running.isPresent()) {
            boolean looks = clock() - lease.lookedAt() < STUCK.toNanos();
            // Its pid is in the lease once it has looked.
            if (looks && (checked == running.getAsLong() || watchdog.isOfOurGroup(running.getAsLong()))) {
                checked = running.getAsLong();
                return;
            }
            LOG.warn("ferry-watchdog, process {}, {}: it is killed and started anew", running.getAsLong(), looks ? "looks after another control group" : "does not look any more");
            watchdog.kill(running.getAsLong());
            lease.forgetWatchdog();
        } else if (isOver() && group.isEmpty()) {
            return;
        }
        // Something may have removed it, and a watchdog without it ends at once.
        group.createFolders();
        watchdog.start();
        awaitWatchdog();
    }

    private void awaitWatchdog() throws IOException {
        long end = clock() + STUCK.toNanos();
        while (watchdog.running().isEmpty() || clock() - lease.lookedAt() >= STUCK.toNanos()) {
            if (clock() > end) {
                throw new FerryException(ErrorCode.INTERNAL, "ferry-watchdog does not begin to look; its output is in watchdog.log of the lease's folder");
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    private void awaitNoWatchdog() {
        long end = clock() + STUCK.toNanos();
        try {
            while (watchdog.running().isPresent() && clock() < end) {
                LockSupport.parkNanos(LOOK_NANOS);
            }
        } catch (IOException unknown) {
            LOG.debug("whether the watchdog has ended is not known", unknown);
        }
    }

    /** The jobs run on until the lease ends, and their watchdog with them; without jobs nothing is left to watch. */
    @Override
    public void close() {
        closing.countDown();
        supervisor.interrupt();
        try {
            boolean ignored = supervisor.join(Duration.ofSeconds(2));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        synchronized (this) {
            if (group.isEmpty()) {
                lease.freezeAt(0);
                awaitNoWatchdog();
            }
        }
    }
}
