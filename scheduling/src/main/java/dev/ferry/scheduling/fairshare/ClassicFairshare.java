package dev.ferry.scheduling.fairshare;

import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.accounts.Association;
import dev.ferry.scheduling.usage.UsageTable;

/**
 * Slurm's fairshare before Fair Tree: factor = 2 ^ (-(effective use / shares) / damping), where shares are parts of everything that is due.
 *
 * <p>Directly under the root the effective use is the part of all use. Below, with U for that part, an association's effective use is
 * {@code U + (effective use of its account - U) * shares / shares of its level}: what its account used counts against each member. Where nobody of the level has shares it is that of the account.
 *
 * <p>Depth-oblivious: with R = effective use / shares, r = U / shares and r' = r / (the siblings' use / their account's shares), {@code R = R(account) * r'^k}, where k = 1 if account and
 * member stand on one side of balance, and else 1 / (1 + (5 ln R(account))^2). Siblings are those with shares of their own. Without shares or use of it or of its account it is U.
 *
 * @see <a href="https://slurm.schedmd.com/classic_fair_share.html">Slurm: Classic Fairshare Algorithm</a>
 * @see <a href="https://slurm.schedmd.com/priority_multifactor3.html">Slurm: Depth-Oblivious Fair-share Factor</a>
 */
final class ClassicFairshare {
    private static final double STEEPNESS = 5;

    private final UsageTable usage;
    private final AccountTree tree;
    private final int damping;
    private final boolean depthOblivious;
    private final Standings standings;

    ClassicFairshare(UsageTable usage, int damping, boolean depthOblivious, Standings standings) {
        this.usage = usage;
        this.damping = damping;
        this.depthOblivious = depthOblivious;
        this.standings = standings;
        tree = usage.tree();
    }

    void run() {
        double[] siblingsUsage = new double[tree.size()];
        standings.normalizedShares[0] = 1;
        standings.normalizedUsage[0] = 1;
        standings.factors[0] = factor(1, 1);
        for (int at = 1; at < tree.size(); at++) {
            double normalized = usage.normalized(at).toDouble();
            standings.normalizedUsage[at] = normalized;
            standings.normalizedShares[at] = shares(at);
            if (!tree.get(at).sharesWithParent()) {
                siblingsUsage[tree.fairshareParent(at)] += normalized;
            }
        }
        // An account stands before what lies in it, so what this needs of the account is there.
        for (int at = 1; at < tree.size(); at++) {
            standings.effectiveUsage[at] = effective(at, siblingsUsage);
            standings.factors[at] = factor(standings.effectiveUsage[at], standings.normalizedShares[at]);
        }
    }

    private double shares(int position) {
        if (tree.get(position).sharesWithParent()) {
            return standings.normalizedShares[tree.fairshareParent(position)];
        }
        // From the member upwards: the order of the multiplications decides the last bit.
        double shares = 1;
        for (int at = position; at > 0; at = tree.parent(at)) {
            if (!tree.get(at).sharesWithParent()) {
                shares = tree.levelShares(at) == 0 ? 0 : shares * ((double) tree.get(at).shares() / tree.levelShares(at));
            }
        }
        return shares;
    }

    private double effective(int at, double[] siblingsUsage) {
        Association association = tree.get(at);
        int above = tree.fairshareParent(at);
        double own = standings.normalizedUsage[at];
        if (above == 0) {
            return own;
        }
        if (association.sharesWithParent()) {
            return standings.effectiveUsage[above];
        }
        if (depthOblivious) {
            return depthOblivious(at, above, siblingsUsage[above]);
        }
        double ofAccount = standings.effectiveUsage[above];
        return tree.levelShares(at) == 0 ? ofAccount : own + (ofAccount - own) * association.shares() / tree.levelShares(at);
    }

    private double depthOblivious(int at, int above, double siblingsUsage) {
        double shares = standings.normalizedShares[at];
        double accountShares = standings.normalizedShares[above];
        double own = standings.normalizedUsage[at];
        if (shares == 0 || accountShares == 0 || standings.effectiveUsage[above] == 0 || own == 0) {
            return own;
        }
        double account = standings.effectiveUsage[above] / accountShares;
        double local = own / shares / (siblingsUsage / accountShares);
        double power = Math.log(account) * Math.log(local) >= 0 ? 1 : 1 / (1 + Math.pow(STEEPNESS * Math.log(account), 2));
        return account * Math.pow(local, power) * shares;
    }

    private double factor(double effective, double shares) {
        return shares <= 0 ? 0 : Math.pow(2, -(effective / shares / damping));
    }
}
