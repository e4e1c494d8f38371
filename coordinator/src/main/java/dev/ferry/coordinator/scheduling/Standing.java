package dev.ferry.coordinator.scheduling;

import dev.ferry.coordinator.accounts.AccountBook;
import dev.ferry.coordinator.accounts.JobTres;
import dev.ferry.coordinator.accounts.UsageLedger;
import dev.ferry.coordinator.placement.NodeFit;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Partition;
import dev.ferry.proto.v1.Qos;
import dev.ferry.proto.v1.Resources;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.fairshare.Standings;
import dev.ferry.scheduling.priority.Factors;
import dev.ferry.scheduling.priority.Multifactor;
import dev.ferry.scheduling.priority.PriorityJob;
import dev.ferry.scheduling.priority.PriorityPolicy;
import dev.ferry.scheduling.priority.PriorityScale;
import dev.ferry.scheduling.tres.Tres;
import dev.ferry.scheduling.usage.UsageTable;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;

/** How accounts and jobs stand against each other in one transaction: what is behind {@code sshare} and {@code sprio}. */
final class Standing {
    private static final long MILLIS = 1000;
    private static final long MEBI = 1L << 20;
    private static final int SECONDS_OF_A_MINUTE = 60;

    private final AccountBook book;
    private final AccountTree tree;
    private final UsageTable usage;
    private final Standings standings;
    private final PriorityPolicy policy;
    private final PriorityScale scale;
    private final List<Node> nodes;
    private final long now;

    private Standing(Transaction state, SchedulingConfig config) {
        book = AccountBook.read(state);
        tree = book.tree();
        usage = UsageLedger.table(state, tree);
        standings = Standings.compute(usage, config.fairsharePolicy());
        policy = config.priorityPolicy();
        nodes = state.nodes().stream().filter(node -> node.getState() != NodeState.DOWN && node.getState() != NodeState.DEAD && NodeFit.isPossible(node)).toList();
        now = state.now() / MILLIS;
        scale =
                new PriorityScale(
                        Math.max(1, nodes.size()),
                        Math.max(1, cluster("").get(Tres.CPU)),
                        tree.associations().stream().map(one -> one.priority()).mapToLong(priority -> priority == null ? 0 : priority).max().orElse(0),
                        book.partitions().stream().mapToLong(Standing::priority).max().orElse(1),
                        book.allQos().stream().mapToLong(Qos::getPriority).max().orElse(0));
    }

    static Standing of(Transaction state, SchedulingConfig config) {
        return new Standing(state, config);
    }

    AccountBook book() {
        return book;
    }

    AccountTree tree() {
        return tree;
    }

    UsageTable usage() {
        return usage;
    }

    Standings standings() {
        return standings;
    }

    private static long priority(Partition partition) {
        return partition.hasPriority() ? partition.getPriority() : 1;
    }

    /** Position of whom a job is billed to: its user's, else its account's, else the root's. */
    int position(Job job) {
        JobQueue queue = job.getQueue();
        OptionalInt user = tree.find(queue.getAccount(), queue.getUser());
        return user.isPresent() ? user.getAsInt() : tree.findAccount(queue.getAccount()).orElse(0);
    }

    /** Factors of a job that waits, before they are weighted. */
    Factors factors(Job job) {
        JobSpec spec = job.getSpec();
        Tres tres = JobTres.of(spec);
        int at = position(job);
        PriorityJob of =
                new PriorityJob(
                        job.getSubmittedAt() / MILLIS,
                        job.getSubmittedAt() / MILLIS,
                        1,
                        tres.get(Tres.CPU),
                        spec.getTimeLimitSeconds() == 0 ? PriorityJob.UNLIMITED : Math.max(1, spec.getTimeLimitSeconds() / SECONDS_OF_A_MINUTE),
                        tres,
                        cluster(job.getQueue().getPartition()),
                        standings.jobFactor(at),
                        tree.priority(at),
                        priority(book.partition(job.getQueue().getPartition())),
                        book.qos(job.getQueue().getQos()).getPriority(),
                        0,
                        spec.getNice());
        return Multifactor.of(of, policy, scale, now);
    }

    /** Points of a job that waits; their sum is its priority. */
    Factors points(Job job) {
        return factors(job).times(policy);
    }

    /** All that the nodes of a partition have. */
    private Tres cluster(String partition) {
        List<String> names = book.partition(partition).getNodesList();
        Map<String, Long> sums = new TreeMap<>();
        for (Node node : nodes) {
            if (names.isEmpty() || names.contains(node.getName())) {
                Resources all = node.getCapacity();
                sums.merge(Tres.CPU, all.getCpuMillis() / MILLIS, Long::sum);
                sums.merge(Tres.MEMORY, all.getMemoryBytes() / MEBI, Long::sum);
                sums.merge(Tres.NODE, 1L, Long::sum);
                sums.merge(Tres.GPU, (long) all.getGpus(), Long::sum);
            }
        }
        return Tres.of(sums);
    }
}
