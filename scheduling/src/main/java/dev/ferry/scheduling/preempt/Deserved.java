package dev.ferry.scheduling.preempt;

import dev.ferry.scheduling.accounts.AccountTree;
import java.util.ArrayList;
import java.util.List;

/**
 * What is due to each account now: its part of the cluster by shares, of what it can use. What an account can't use goes to its siblings by their shares, and so on down the tree.
 *
 * <p>Sizes are GPUs (CPUs in a cluster without any), fractions included. The dues of siblings never exceed that of their account, and no due exceeds what is asked for.
 */
public final class Deserved {
    private static final double NOTHING = 1e-9;

    private final AccountTree tree;
    private final double[] asked;
    private final double[] due;

    private Deserved(AccountTree tree, double[] asked) {
        this.tree = tree;
        this.asked = asked.clone();
        due = new double[asked.length];
    }

    /**
     * @param capacity of the whole cluster
     * @param asked what the jobs of each position hold and wait for, by position
     * @return by position
     */
    public static double[] of(AccountTree tree, double capacity, double[] asked) {
        Deserved deserved = new Deserved(tree, asked);
        for (int at = tree.size() - 1; at > 0; at--) {
            deserved.asked[tree.parent(at)] += deserved.asked[at];
        }
        deserved.due[0] = Math.min(capacity, deserved.asked[0]);
        // Jobs of an account itself, of no user in it, compete with its members as one more of no shares: they get what is left.
        for (int at = 0; at < tree.size(); at++) {
            if (!tree.get(at).isUser() && (at == 0 || !tree.get(at).sharesWithParent())) {
                deserved.divide(at);
            }
        }
        return deserved.due;
    }

    private void collect(int account, List<Integer> into) {
        for (int child : tree.children(account)) {
            if (tree.get(child).sharesWithParent() && !tree.get(child).isUser()) {
                collect(child, into);
            } else if (asked[child] > NOTHING) {
                into.add(child);
            }
        }
    }

    private void divide(int account) {
        List<Integer> hungry = new ArrayList<>();
        collect(account, hungry);
        double left = due[account];
        while (left > NOTHING && !hungry.isEmpty()) {
            double shares = 0;
            for (int child : hungry) {
                shares += shares(child);
            }
            // Those without shares get in equal parts what those with shares leave.
            boolean equal = shares == 0;
            double given = 0;
            List<Integer> still = new ArrayList<>();
            for (int child : hungry) {
                double part = left * (equal ? 1.0 / hungry.size() : shares(child) / shares);
                double takes = Math.min(part, asked[child] - due[child]);
                due[child] += takes;
                given += takes;
                if (asked[child] - due[child] > NOTHING) {
                    still.add(child);
                }
            }
            // Each round gives all of it, or leaves fewer who want more.
            left -= given;
            hungry = still;
        }
    }

    private double shares(int child) {
        // A user with shares of the parent competes as one with one share: what it is due must be a number.
        return tree.get(child).sharesWithParent() ? 1 : tree.get(child).shares();
    }
}
