package dev.ferry.scheduling.fairshare;

import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.accounts.Association;
import dev.ferry.scheduling.usage.Extended;
import dev.ferry.scheduling.usage.UsageTable;
import java.util.ArrayList;
import java.util.List;

/**
 * Slurm's Fair Tree: siblings are sorted by level = shares / use, and users are ranked in the order in which a walk through the sorted tree meets them. So everybody in an account that has had
 * less than its due comes before everybody in one that has had more. A user's factor is rank / number of users, from 1 down.
 *
 * <p>Users that stand level have one rank, and the next rank is lower by as many as there are. At one level users come before accounts; the first whom the walk meets in an account
 * that ties with what stands before it shares that one's rank. Members of an account that shares with its parent are siblings of that account.
 *
 * @see <a href="https://slurm.schedmd.com/fair_tree.html">Slurm: Fair Tree Fairshare Algorithm</a>
 */
final class FairTree {
    /** Where an account without a level of its own stands: Slurm sorts it by the largest 32-bit number less one, behind what has used nothing. */
    private static final Extended NO_LEVEL = Extended.of(4294967294.0);

    private final UsageTable usage;
    private final AccountTree tree;
    private final Ties ties;
    private final Standings standings;
    private final Extended[] sortKeys;
    private int next;
    private int rank;

    FairTree(UsageTable usage, Ties ties, Standings standings) {
        this.usage = usage;
        this.ties = ties;
        this.standings = standings;
        tree = usage.tree();
        sortKeys = new Extended[tree.size()];
    }

    void run() {
        standings.normalizedUsage[0] = 1;
        for (int at = 1; at < tree.size(); at++) {
            measure(at);
        }
        next = tree.users();
        rank = next;
        List<Integer> first = new ArrayList<>();
        collect(0, first);
        walk(first, false);
    }

    private void measure(int at) {
        Association association = tree.get(at);
        int above = tree.fairshareParent(at);
        Extended all = usage.of(above);
        Extended effective = all.isZero() ? Extended.ZERO : usage.of(at).dividedBy(all);
        double shares = association.sharesWithParent() ? part(tree.get(above).shares(), tree.levelShares(above)) : part(association.shares(), tree.levelShares(at));
        standings.normalizedShares[at] = shares;
        standings.effectiveUsage[at] = effective.toDouble();
        standings.normalizedUsage[at] = usage.normalized(at).toDouble();
        Extended level = association.sharesWithParent() ? Extended.INFINITY : level(shares, effective);
        standings.levels[at] = level;
        sortKeys[at] = association.sharesWithParent() && !association.isUser() ? NO_LEVEL : level;
    }

    private static double part(int shares, long of) {
        return of == 0 ? 0 : (double) shares / of;
    }

    private static Extended level(double shares, Extended effective) {
        if (shares == 0) {
            return Extended.ZERO;
        }
        return effective.isZero() ? Extended.INFINITY : Extended.of(shares).dividedBy(effective);
    }

    /** Members of an account and, in the place where they stand, those of accounts in it that share with it. */
    private void collect(int account, List<Integer> into) {
        for (int child : tree.children(account)) {
            if (tree.get(child).sharesWithParent() && !tree.get(child).isUser()) {
                collect(child, into);
            }
            into.add(child);
        }
    }

    private void walk(List<Integer> siblings, boolean tiedFromAbove) {
        siblings.sort(this::order);
        boolean tiedWithAbove = tiedFromAbove;
        for (int at = 0; at < siblings.size(); at++) {
            int one = siblings.get(at);
            boolean tied = tiedWithAbove || at > 0 && sortKeys[siblings.get(at - 1)].equals(sortKeys[one]);
            tiedWithAbove = false;
            if (tree.get(one).isUser()) {
                if (!tied) {
                    rank = next;
                }
                standings.factors[one] = rank / (double) tree.users();
                next--;
            } else if (!tree.get(one).sharesWithParent()) {
                List<Integer> members = new ArrayList<>();
                collect(one, members);
                while (ties == Ties.DOCUMENTED && at + 1 < siblings.size() && sortKeys[siblings.get(at + 1)].equals(sortKeys[one])) {
                    at++;
                    collect(siblings.get(at), members);
                }
                walk(members, tied);
            }
        }
    }

    /** Highest level first; of one level, users first. The sort is stable: accounts of one level stay newest first. */
    private int order(int a, int b) {
        int byLevel = sortKeys[b].compareTo(sortKeys[a]);
        return byLevel != 0 ? byLevel : Boolean.compare(tree.get(b).isUser(), tree.get(a).isUser());
    }
}
