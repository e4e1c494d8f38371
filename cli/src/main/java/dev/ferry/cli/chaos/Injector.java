package dev.ferry.cli.chaos;

import dev.ferry.cli.cluster.LocalCluster;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** Does faults to the processes and cables of a local cluster, and undoes them. */
final class Injector {
    private static final long LOOK_NANOS = 500_000;
    private static final int TIMES_AS_FAR = 1000;

    private final LocalCluster cluster;
    private final Path folder;
    private final Optional<StoreProxy> proxy;
    private final List<Duration> failOvers = new CopyOnWriteArrayList<>();

    /**
     * @param folder of the cluster, by which its processes are told from others
     * @param proxy before its S3 server; empty: its store is a folder
     */
    Injector(LocalCluster cluster, Path folder, Optional<StoreProxy> proxy) {
        this.cluster = cluster;
        this.folder = folder;
        this.proxy = proxy;
    }

    /**
     * Does a fault, lets it last, and brings back what it took: all parts run when this returns.
     *
     * @param lasts how long it goes on, or until what it ended is started again
     * @param over whether the operation it is meant for has ended, so that nothing more of it will come
     */
    void inject(Fault fault, int source, int target, Duration lasts, BooleanSupplier over) throws IOException, InterruptedException {
        switch (fault) {
            case NONE -> {}
            case KILL_COORDINATOR -> killLeader(lasts);
            case KILL_SOURCE -> restart(source, lasts);
            case KILL_TARGET -> restart(target, lasts);
            case KILL_CRIU -> killOne(() -> CriuProcesses.working("dump", folder).or(() -> CriuProcesses.working("restore", folder)), over);
            case KILL_WATCHDOG -> killOne(() -> watchdog(LocalCluster.nodeName(source)), over);
            case STOP_COORDINATOR -> stop(cluster.coordinator(cluster.leader()).pid(), lasts);
            case STOP_SOURCE -> stop(cluster.node(source).pid(), lasts);
            case STOP_TARGET -> stop(cluster.node(target).pid(), lasts);
            case CUT_SOURCE -> cut(source, lasts);
            case CUT_TARGET -> cut(target, lasts);
            case LOSE_SOURCE -> lose(source, lasts);
            case LOSE_TARGET -> lose(target, lasts);
            case STORE_READ_ONLY -> refuseWrites(lasts);
            case CLOCK_COORDINATOR -> {
                int leader = cluster.leader();
                jump(ahead -> cluster.setCoordinatorClock(leader, ahead), lasts);
            }
            case CLOCK_SOURCE -> jump(ahead -> cluster.setClock(source, ahead), lasts);
            case STORE_ERRORS -> store(StoreProxy.Mood.ERRORS, lasts);
            case STORE_SILENT -> store(StoreProxy.Mood.SILENT, lasts);
            case STORE_CUTS -> store(StoreProxy.Mood.CUTS, lasts);
            case STORE_TRUNCATES -> store(StoreProxy.Mood.TRUNCATES, lasts);
            case CLOCK_TARGET -> jump(ahead -> cluster.setClock(target, ahead), lasts);
        }
    }

    /** Where there are several, another one must lead before this one is there again. */
    private void killLeader(Duration after) throws IOException, InterruptedException {
        int leader = cluster.leader();
        cluster.coordinator(leader).kill();
        long killed = System.nanoTime();
        if (cluster.coordinators() > 1) {
            int unused = cluster.leader();
            failOvers.add(Duration.ofNanos(System.nanoTime() - killed));
        }
        pause(after);
        cluster.startCoordinator(leader);
    }

    /** From each kill of the coordinator that led until another one led and answered. */
    List<Duration> failOvers() {
        return List.copyOf(failOvers);
    }

    private void restart(int node, Duration after) throws IOException, InterruptedException {
        cluster.node(node).kill();
        pause(after);
        cluster.startNode(node);
    }

    private void lose(int node, Duration after) throws IOException, InterruptedException {
        cluster.destroyNode(node);
        pause(after);
        cluster.startNode(node);
    }

    private void cut(int node, Duration lasts) throws InterruptedException {
        cluster.cut(node);
        try {
            pause(lasts);
        } finally {
            cluster.mend(node);
        }
    }

    private static void stop(long pid, Duration lasts) throws IOException, InterruptedException {
        signal("STOP", pid);
        try {
            pause(lasts);
        } finally {
            signal("CONT", pid);
        }
    }

    private void store(StoreProxy.Mood mood, Duration lasts) throws InterruptedException {
        StoreProxy between = proxy.orElseThrow(() -> new IllegalStateException("the store of this cluster is a folder"));
        between.be(mood);
        try {
            pause(lasts);
        } finally {
            between.be(StoreProxy.Mood.FAIR);
        }
    }

    /** Sets a part's wall clock. */
    private interface WallClock {
        void set(Duration ahead) throws IOException;
    }

    /** There and back; a thousand times as far as it lasts, and in whichever direction that says. */
    private static void jump(WallClock clock, Duration lasts) throws IOException, InterruptedException {
        Duration far = lasts.multipliedBy(TIMES_AS_FAR);
        clock.set(lasts.toMillis() % 2 == 0 ? far : far.negated());
        try {
            pause(lasts);
        } finally {
            clock.set(Duration.ZERO);
        }
    }

    /** All parts see the mounts of this machine: over the store's folder lies the folder itself, which can only be read. */
    private void refuseWrites(Duration lasts) throws IOException, InterruptedException {
        String store = cluster.storeFolder().toString();
        run("mount", "--bind", store, store);
        try {
            run("mount", "-o", "remount,bind,ro", store);
            pause(lasts);
        } finally {
            // What is just being read is read to its end.
            run("umount", "--lazy", store);
        }
    }

    private static void run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new FerryException(ErrorCode.INTERNAL, String.join(" ", command) + " failed: " + output.strip());
        }
    }

    private static void signal(String name, long pid) throws IOException, InterruptedException {
        int status = new ProcessBuilder("kill", "-" + name, Long.toString(pid)).redirectErrorStream(true).start().waitFor();
        if (status != 0) {
            throw new FerryException(ErrorCode.INTERNAL, "SIG" + name + " could not be sent to process " + pid + ", which should be there");
        }
    }

    /** Looks for a process of this cluster until there is one, or the operation is over. */
    private static void killOne(Supplier<Optional<ProcessHandle>> which, BooleanSupplier over) {
        while (!over.getAsBoolean()) {
            Optional<ProcessHandle> found = which.get();
            if (found.isPresent()) {
                boolean ignored = found.get().destroyForcibly();
                return;
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    private Optional<ProcessHandle> watchdog(String node) {
        return ProcessHandle.allProcesses().filter(process -> isWatchdog(process.pid(), node)).findFirst();
    }

    private boolean isWatchdog(long pid, String node) {
        try {
            String command = Files.readString(Path.of("/proc", Long.toString(pid), "cmdline"), StandardCharsets.ISO_8859_1);
            return command.contains(folder.toString()) && command.contains("ferry-watchdog") && command.contains(node);
        } catch (IOException ended) {
            return false;
        }
    }

    /** A fault's length is part of what it is: nothing is awaited. */
    private static void pause(Duration time) throws InterruptedException {
        TimeUnit.NANOSECONDS.sleep(time.toNanos());
    }
}
