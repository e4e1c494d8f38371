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
import dev.ferry.scheduling.usage.Extended;
import dev.ferry.scheduling.usage.UsageTable;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/** CPU time against size, by hand: run its main method; docs/scheduling.md has the command and the figures. */
public final class SchedulingBenchmark {
    private static final int WARM = 15;
    private static final int MEASURED = 15;

    /** All of it is done by the calling thread; its own time is right on a busy machine too. */
    private static final ThreadMXBean CPU = ManagementFactory.getThreadMXBean();

    private SchedulingBenchmark() {}

    public static void main(String[] arguments) {
        for (int associations : new int[] {1_000, 10_000, 100_000}) {
            UsageTable usage = usage(associations);
            measure("all standings of " + associations + " associations", () -> Standings.compute(usage, FairsharePolicy.fairTree()).factor(associations - 1));
            measure("one tick of decay of " + associations + " associations", () -> {
                usage.decay(0.999999);
                return usage.of(0).toDouble();
            });
        }
        for (int[] size : new int[][] {{1_000, 100}, {10_000, 1_000}, {100_000, 10_000}}) {
            Random random = new Random(1);
            Room full = Room.of(size[1], 96_000, 1 << 20, 8);
            List<RunningJob> running = fill(full, random);
            List<WaitingJob> queue = queue(size[0], random);
            measure("one pass, " + size[0] + " jobs wait on " + size[1] + " nodes that are full", () -> SchedulingPass.run(full.copy(), running, queue, Packing.PACK, 0).size());
            measure("one pass, " + size[0] + " jobs wait on " + size[1] + " empty nodes", () -> SchedulingPass.run(Room.of(size[1], 96_000, 1 << 20, 8), List.of(), queue, Packing.PACK, 0).size());
        }
    }

    private interface Work {
        double run();
    }

    private static void measure(String what, Work work) {
        double used = 0;
        for (int count = 0; count < WARM; count++) {
            used += work.run();
        }
        long[] times = new long[MEASURED];
        for (int count = 0; count < MEASURED; count++) {
            long began = CPU.getCurrentThreadCpuTime();
            used += work.run();
            times[count] = CPU.getCurrentThreadCpuTime() - began;
        }
        Arrays.sort(times);
        System.out.printf(Locale.ROOT, "%-70s median %8.1f ms, worst %8.1f ms (%s)%n", what, times[MEASURED / 2] / 1e6, times[MEASURED - 1] / 1e6, used > 0 ? "done" : "nothing");
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
