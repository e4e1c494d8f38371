package dev.ferry.scheduling.usage;

import dev.ferry.scheduling.accounts.AccountTree;
import java.util.Arrays;

/** What each association of a tree has used, in billing units times seconds, decayed; an account's use is that of all that lies in it. Not for several threads at once. */
public final class UsageTable {
    private static final Extended ONE = Extended.of(1.0);

    private final AccountTree tree;
    private final Extended[] raw;

    public UsageTable(AccountTree tree) {
        this.tree = tree;
        raw = new Extended[tree.size()];
        reset();
    }

    public AccountTree tree() {
        return tree;
    }

    public Extended of(int position) {
        return raw[position];
    }

    /** Adds use to an association and to all accounts above it. */
    public void add(int position, Extended use) {
        for (int at = position; at >= 0; at = tree.parent(at)) {
            raw[at] = raw[at].plus(use);
        }
    }

    /** A tick: multiplies all use by what is left of it. */
    public void decay(double left) {
        if (left == 1) {
            return;
        }
        Extended factor = Extended.of(left);
        for (int at = 0; at < raw.length; at++) {
            raw[at] = raw[at].times(factor);
        }
    }

    /** Forgets all. */
    public void reset() {
        Arrays.fill(raw, Extended.ZERO);
    }

    /** The part of all use that an association made, 0 to 1; 0 when there was none at all. */
    public Extended normalized(int position) {
        Extended all = raw[0];
        return all.isZero() ? Extended.ZERO : capped(raw[position].dividedBy(all));
    }

    private static Extended capped(Extended part) {
        return part.compareTo(ONE) > 0 ? ONE : part;
    }
}
