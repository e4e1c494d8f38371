package dev.ferry.scheduling.fairshare;

import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.usage.Extended;
import dev.ferry.scheduling.usage.UsageTable;
import java.util.Arrays;

/**
 * How each association of a tree stands, by position; made by {@link #compute}.
 *
 * <p>{@code sshare} of Slurm shows these: NormShares, NormUsage, EffectvUsage, FairShare, LevelFS.
 */
public final class Standings {
    private final AccountTree tree;
    private final FairsharePolicy policy;
    final double[] normalizedShares;
    final double[] normalizedUsage;
    final double[] effectiveUsage;
    final double[] factors;
    final Extended[] levels;

    Standings(AccountTree tree, FairsharePolicy policy) {
        this.tree = tree;
        this.policy = policy;
        int size = tree.size();
        normalizedShares = new double[size];
        normalizedUsage = new double[size];
        effectiveUsage = new double[size];
        factors = new double[size];
        levels = new Extended[size];
        Arrays.fill(levels, Extended.ZERO);
        effectiveUsage[0] = 1;
    }

    /** Computes all of it anew. */
    public static Standings compute(UsageTable usage, FairsharePolicy policy) {
        Standings standings = new Standings(usage.tree(), policy);
        switch (policy.method()) {
            case FAIR_TREE -> new FairTree(usage, policy.ties(), standings).run();
            case CLASSIC -> new ClassicFairshare(usage, policy.damping(), false, standings).run();
            case DEPTH_OBLIVIOUS -> new ClassicFairshare(usage, policy.damping(), true, standings).run();
        }
        return standings;
    }

    public AccountTree tree() {
        return tree;
    }

    public FairsharePolicy policy() {
        return policy;
    }

    /** Its part of what is due: of its level with Fair Tree, else of everything; 0 to 1. */
    public double normalizedShares(int position) {
        return normalizedShares[position];
    }

    /** Its part of all use, 0 to 1; 1 for the root. */
    public double normalizedUsage(int position) {
        return normalizedUsage[position];
    }

    /** What counts against its shares: with Fair Tree its part of its account's use, else its part of all use, mixed with that of the accounts above. */
    public double effectiveUsage(int position) {
        return effectiveUsage[position];
    }

    /** 0 (has had far more than is due) to 1. With Fair Tree only users have one; accounts have 0. */
    public double factor(int position) {
        return factors[position];
    }

    /** Fair Tree's measure among siblings: shares / use, 1 when both are level, infinite without use; 0 with other methods. Nothing for accounts that share with their parent. */
    public Extended level(int position) {
        return levels[position];
    }

    /** The factor that counts for a user's jobs. One without shares of its own has, other than by Fair Tree, that of the account with which it shares. */
    public double jobFactor(int user) {
        boolean own = policy.method() == FairshareMethod.FAIR_TREE || !tree.get(user).sharesWithParent();
        return factors[own ? user : tree.fairshareParent(user)];
    }
}
