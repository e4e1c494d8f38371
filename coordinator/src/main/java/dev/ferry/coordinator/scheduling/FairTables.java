package dev.ferry.coordinator.scheduling;

import dev.ferry.coordinator.accounts.UsageLedger;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Fairshare;
import dev.ferry.proto.v1.FairshareRow;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Priorities;
import dev.ferry.proto.v1.PriorityFactors;
import dev.ferry.proto.v1.PriorityRow;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.accounts.Association;
import dev.ferry.scheduling.fairshare.FairshareMethod;
import dev.ferry.scheduling.fairshare.Standings;
import dev.ferry.scheduling.priority.Factors;
import dev.ferry.scheduling.usage.UsageTable;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;

/** The tables that {@code sshare -l} and {@code sprio -l} show, of this cluster and now. */
final class FairTables {
    private FairTables() {}

    /** Each account, then what lies in it, the oldest first. */
    static Fairshare fairshare(Transaction state, SchedulingConfig config) {
        Standing standing = Standing.of(state, config);
        AccountTree tree = standing.tree();
        Fairshare.Builder table = Fairshare.newBuilder().setFairTree(config.fairshare() == FairshareMethod.FAIR_TREE).setAsOf(UsageLedger.lastTick(state));
        Deque<Integer> next = new ArrayDeque<>(List.of(0));
        while (!next.isEmpty()) {
            int at = next.pop();
            table.addRows(row(tree, standing.usage(), standing.standings(), at));
            // Children stand newest first; pushed in that order, the oldest is popped first.
            for (int child : tree.children(at)) {
                next.push(child);
            }
        }
        return table.build();
    }

    private static FairshareRow row(AccountTree tree, UsageTable usage, Standings standings, int at) {
        Association association = tree.get(at);
        String user = association.user();
        return FairshareRow.newBuilder()
                .setAccount(association.account())
                .setUser(user == null ? "" : user)
                .setDepth(tree.depth(at))
                .setShares(association.shares())
                .setNormalizedShares(standings.normalizedShares(at))
                .setUsage(usage.of(at).toLong())
                .setNormalizedUsage(standings.normalizedUsage(at))
                .setEffectiveUsage(standings.effectiveUsage(at))
                .setFactor(standings.factor(at))
                .setLevel(standings.level(at).toDouble())
                .build();
    }

    /** Jobs that wait, the first in the queue first. */
    static Priorities priorities(Transaction state, SchedulingConfig config) {
        Standing standing = Standing.of(state, config);
        List<PriorityRow> rows = new ArrayList<>();
        for (Job job : state.liveJobs()) {
            if (Queue.holds(job)) {
                Factors points = standing.points(job);
                rows.add(
                        PriorityRow.newBuilder()
                                .setJob(job.getId())
                                .setName(job.getSpec().getName())
                                .setAccount(job.getQueue().getAccount())
                                .setUser(job.getQueue().getUser())
                                .setPartitionName(job.getQueue().getPartition())
                                .setQosName(job.getQueue().getQos())
                                .setPriority(points.priority())
                                .setFactors(message(standing.factors(job)))
                                .setPoints(message(points))
                                .build());
            }
        }
        rows.sort(Comparator.comparingLong(PriorityRow::getPriority).reversed());
        return Priorities.newBuilder().addAllRows(rows).build();
    }

    static PriorityFactors message(Factors factors) {
        return PriorityFactors.newBuilder()
                .setAge(factors.age())
                .setAssociation(factors.association())
                .setFairshare(factors.fairshare())
                .setJobSize(factors.jobSize())
                .setPartition(factors.partition())
                .setQos(factors.qos())
                .putAllTres(factors.tres())
                .setNice(factors.nice())
                .build();
    }
}
