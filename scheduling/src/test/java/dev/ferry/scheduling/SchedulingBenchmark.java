package dev.ferry.scheduling;

import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.accounts.Association;
import dev.ferry.scheduling.fairshare.FairsharePolicy;
import dev.ferry.scheduling.fairshare.Standings;
import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.Packing;
import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.SchedulingPass;
import dev.ferry.scheduling.pass.WaitingJob;
import dev.ferry.scheduling.preempt.Balance;
import dev.ferry.scheduling.preempt.Decision;
import dev.ferry.scheduling.preempt.Preemption;
import dev.ferry.scheduling.preempt.PreemptionPolicy;
import dev.ferry.scheduling.preempt.Spent;
import dev.ferry.scheduling.usage.Extended;
import dev.ferry.scheduling.usage.UsageTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Time and memory against size; one thread, as the coordinator has it. docs/scheduling.md has the command and the figures. What is allocated, which {@code -prof gc} shows, does not depend on how busy the machine is; the times do.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(value = 1, jvmArgs = {"-Xmx1g", "-XX:+UseSerialGC"})
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
public class SchedulingBenchmark {
    /** A tree of accounts with use. */
    @State(Scope.Benchmark)
    public static class Accounts {
        @Param({"1000", "10000", "100000"})
        public int associations;

        private UsageTable usage = usage(1);

        @Setup
        public void fill() {
            usage = usage(associations);
        }
    }

    /** A queue, and a tenth as many nodes with 8 GPUs. */
    @State(Scope.Benchmark)
    public static class Cluster {
        private static final int JOBS_A_NODE = 10;

        @Param({"1000", "10000", "100000"})
        public int jobs;

        private Room full = empty(1);
        private Room empty = empty(1);
        private List<RunningJob> running = List.of();
        private List<WaitingJob> queue = List.of();

        @Setup
        public void fill() {
            Random random = new Random(1);
            empty = empty(jobs / JOBS_A_NODE);
            full = empty.copy();
            running = SchedulingBenchmark.fill(full, random);
            queue = queue(jobs, random);
        }

        private static Room empty(int nodes) {
            return Room.of(nodes, 96_000, 1 << 20, 8);
        }
    }

    /** Nodes with 8 GPUs of which one to three are free; an account has nothing and is due all that it asks for. */
    @State(Scope.Benchmark)
    public static class Pieces {
        private static final int JOBS_A_NODE = 10;
        private static final long NOW = 100_000;
        private static final int HOLDER = 0;
        private static final int ASKER = 1;

        /** As many as wait in the passes: the same clusters. */
        @Param({"1000", "10000", "100000"})
        public int jobs;

        private final WaitingJob job = new WaitingJob(1, ASKER, 1, 0, new Demand(1, 32_000, 1 << 18, 8, 0), 100_000);
        private final List<RunningJob> running = new ArrayList<>();
        private Room room = Room.of(1, 1, 1, 1);
        private Balance balance = new Balance(new double[2], new double[2], true, 1);

        @Setup
        public void fill() {
            Random random = new Random(1);
            int nodes = jobs / JOBS_A_NODE;
            room = Room.of(nodes, 96_000, 1 << 20, 8);
            running.clear();
            for (int node = 0; node < nodes; node++) {
                for (int count = 5 + random.nextInt(3); count > 0; count--) {
                    Demand one = new Demand(1, 4000, 1 << 15, 1, 0);
                    room.take(new int[] {node}, one);
                    running.add(new RunningJob(100L + running.size(), HOLDER, one, new int[] {node}, 0, NOW + 60 + random.nextInt(100_000), 30, 0, 0, true, true));
                }
            }
            balance = Balance.of(new double[] {running.size(), 8}, running, true, 8.0 * nodes);
        }
    }

    @Benchmark
    public double standings(Accounts accounts) {
        return Standings.compute(accounts.usage, FairsharePolicy.fairTree()).factor(accounts.associations - 1);
    }

    @Benchmark
    public double tick(Accounts accounts) {
        accounts.usage.decay(0.999999);
        return accounts.usage.of(0).toDouble();
    }

    @Benchmark
    public int passOfFullCluster(Cluster cluster) {
        return SchedulingPass.run(cluster.full.copy(), cluster.running, cluster.queue, Packing.PACK, 0).size();
    }

    @Benchmark
    public int passOfEmptyCluster(Cluster cluster) {
        return SchedulingPass.run(cluster.empty.copy(), List.of(), cluster.queue, Packing.PACK, 0).size();
    }

    @Benchmark
    public int alignedPassOfFullCluster(Cluster cluster) {
        return SchedulingPass.run(cluster.full.copy(), cluster.running, cluster.queue, Packing.ALIGN, 0).size();
    }

    @Benchmark
    public int alignedPassOfEmptyCluster(Cluster cluster) {
        return SchedulingPass.run(cluster.empty.copy(), List.of(), cluster.queue, Packing.ALIGN, 0).size();
    }

    /** One decision for a job that needs a whole node, where all nodes are in part free. */
    @Benchmark
    public Decision roomInPieces(Pieces pieces) {
        return Preemption.decide(pieces.job, pieces.room, pieces.running, pieces.balance, PreemptionPolicy.gentle(), Spent.NOTHING, Pieces.NOW);
    }

    /** A hundredth are accounts in three levels, the others users. */
    private static UsageTable usage(int associations) {
        Random random = new Random(1);
        List<Association> rows = new ArrayList<>(List.of(new Association(1, 0, "root", null, 1, null)));
        int accounts = Math.max(1, associations / 100);
        for (int at = 2; at <= associations; at++) {
            boolean account = at <= accounts + 1;
            long parent = account ? 1 + random.nextInt(Math.min(at - 1, 1 + accounts / 3)) : 2 + random.nextInt(accounts);
            rows.add(new Association(at, parent, "a" + (account ? at : parent), account ? null : "u" + at, 1 + random.nextInt(100), null));
        }
        UsageTable usage = new UsageTable(AccountTree.of(rows));
        for (int at = 0; at < associations; at++) {
            if (usage.tree().get(at).isUser()) {
                usage.add(at, Extended.of(random.nextDouble() * 1e6));
            }
        }
        return usage;
    }

    private static Demand demand(Random random) {
        int gpus = 1 << random.nextInt(4);
        return new Demand(random.nextInt(20) == 0 ? 4 : 1, 1000L * gpus * (1 + random.nextInt(8)), 1024L * gpus * (1 + random.nextInt(32)), gpus, 0);
    }

    private static List<WaitingJob> queue(int jobs, Random random) {
        List<WaitingJob> queue = new ArrayList<>(jobs);
        for (int id = 1; id <= jobs; id++) {
            queue.add(new WaitingJob(id, 0, random.nextInt(100_000), random.nextInt(1000), demand(random), 60 + random.nextInt(100_000)));
        }
        return queue;
    }

    private static List<RunningJob> fill(Room room, Random random) {
        List<RunningJob> running = new ArrayList<>();
        for (int node = 0; node < room.nodes(); node++) {
            for (int count = 0; count < 8; count++) {
                Demand one = new Demand(1, 12_000, 1 << 17, 1, 0);
                room.take(new int[] {node}, one);
                running.add(new RunningJob(1_000_000L + running.size(), 0, one, new int[] {node}, 0, 60 + random.nextInt(100_000), 30, 0, 0, true));
            }
        }
        return running;
    }
}
