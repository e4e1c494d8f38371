package dev.ferry.scheduling;

import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.accounts.Association;
import dev.ferry.scheduling.usage.Extended;
import dev.ferry.scheduling.usage.UsageTable;
import java.util.ArrayList;
import java.util.List;

/** Small trees for tests; ids are given in the order of the calls, the root is 1. */
public final class Trees {
    private final List<Association> rows = new ArrayList<>(List.of(new Association(1, 0, "root", null, 1, null)));
    private final List<Double> used = new ArrayList<>(List.of(0.0));

    private long idOf(String account) {
        return rows.stream().filter(row -> row.user() == null && row.account().equals(account)).findFirst().orElseThrow().id();
    }

    public Trees account(String name, String in, int shares) {
        rows.add(new Association(rows.size() + 1L, idOf(in), name, null, shares, null));
        used.add(0.0);
        return this;
    }

    public Trees user(String name, String in, int shares, double use) {
        rows.add(new Association(rows.size() + 1L, idOf(in), in, name, shares, null));
        used.add(use);
        return this;
    }

    public UsageTable usage() {
        AccountTree tree = AccountTree.of(rows);
        UsageTable usage = new UsageTable(tree);
        for (int at = 0; at < tree.size(); at++) {
            usage.add(at, Extended.of(used.get((int) tree.get(at).id() - 1)));
        }
        return usage;
    }
}
