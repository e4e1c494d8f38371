package dev.ferry.cli.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.accounts.Association;
import dev.ferry.scheduling.fairshare.FairshareMethod;
import dev.ferry.scheduling.fairshare.Standings;
import dev.ferry.scheduling.fairshare.Ties;
import dev.ferry.scheduling.usage.UsageTable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The accounts of a case, what they used, and how they stand: {@code sshare -l}. */
public final class CaseTree {
    private static final String PARENT = "parent";
    private static final long PARENT_NUMBER = Integer.MAX_VALUE;

    private final CaseFile file;
    private final List<Association> rows = new ArrayList<>();
    private final Map<Long, Integer> positions = new HashMap<>();
    private final AccountTree tree;
    private final Standings standings;
    private final UsageTable usage;

    /**
     * @param ties null for what the case says
     */
    public CaseTree(CaseFile file, @Nullable Ties ties) {
        this.file = file;
        file.array("associations").forEach(row -> rows.add(association(row)));
        tree = file.tree(rows);
        for (int at = 0; at < tree.size(); at++) {
            positions.put(tree.get(at).id(), at);
        }
        usage = new UsageTable(tree);
        addUsage();
        standings = Standings.compute(usage, file.fairshare(ties));
    }

    private Association association(JsonNode row) {
        String account = file.text(row, "Account", "association number " + (rows.size() + 1));
        String user = row.path("User").asText("").trim();
        String where = "association " + (user.isEmpty() ? account : account + "/" + user);
        String priority = row.path("Priority").asText("").trim();
        return new Association(
                file.whole(row, "ID", where),
                file.whole(row, "ParentID", where),
                account,
                user.isEmpty() ? null : user,
                shares(file.text(row, "Share", where), where),
                priority.isEmpty() ? null : Long.valueOf(file.whole(priority, where + "'s Priority")));
    }

    private int shares(String text, String where) {
        if (text.equals(PARENT)) {
            return Association.PARENT_SHARES;
        }
        long shares = file.whole(text, where + "'s Share");
        if (shares < 0 || shares > PARENT_NUMBER) {
            throw file.wrong(where + " has Share " + text + "; it must be 0 to " + (PARENT_NUMBER - 1) + ", or parent");
        }
        return shares == PARENT_NUMBER ? Association.PARENT_SHARES : (int) shares;
    }

    private void addUsage() {
        ExactUsage exact = new ExactUsage(file);
        for (JsonNode row : CaseFile.list(file.node("leaf_usage_state_file").path("rows"))) {
            Integer at = positions.get(file.whole(row, "assoc_id", "a row of leaf_usage_state_file"));
            if (at == null) {
                throw file.wrong("has use of association " + row.path("assoc_id").asText() + ", which is not among its associations");
            }
            usage.add(at, exact.of(row));
        }
        if (!file.has("leaf_usage_state_file")) {
            file.node("planted").properties().forEach(planted -> usage.add(userNamed(planted.getKey()), file.use(planted.getValue().asText(), planted.getKey())));
        }
    }

    private int userNamed(String name) {
        List<Integer> found = new ArrayList<>();
        for (int at = 0; at < tree.size(); at++) {
            Association association = tree.get(at);
            if (association.isUser() && (name.equals(association.user()) || name.equals(association.name()))) {
                found.add(at);
            }
        }
        if (found.size() != 1) {
            throw file.wrong("plants use for '" + name + "', which is " + (found.isEmpty() ? "no user" : "in several accounts; write account/user"));
        }
        return found.getFirst();
    }

    AccountTree tree() {
        return tree;
    }

    Standings standings() {
        return standings;
    }

    /** Rows as {@code sshare -l} prints them, in the order of the case. */
    public Rows sshare() {
        Rows table = new Rows("Account", "User", "RawShares", "NormShares", "RawUsage", "NormUsage", "EffectvUsage", "FairShare", "LevelFS");
        boolean fairTree = standings.policy().method() == FairshareMethod.FAIR_TREE;
        for (Association row : rows) {
            int at = positions.getOrDefault(row.id(), 0);
            boolean root = at == 0;
            String user = row.user();
            table.add(
                    " ".repeat(tree.depth(at)) + row.account(),
                    user == null ? "" : user,
                    root ? "" : row.sharesWithParent() ? PARENT : Integer.toString(row.shares()),
                    number(standings.normalizedShares(at)),
                    Long.toString(usage.of(at).toLong()),
                    root ? "" : number(standings.normalizedUsage(at)),
                    number(standings.effectiveUsage(at)),
                    fairTree && user == null ? "" : number(standings.factor(at)),
                    fairTree && root || row.sharesWithParent() ? "" : number(standings.level(at).toDouble()));
        }
        return table;
    }

    private static String number(double value) {
        return SlurmText.fixed(SlurmText.sent(value), 6);
    }
}
