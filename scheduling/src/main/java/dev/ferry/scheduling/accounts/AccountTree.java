package dev.ferry.scheduling.accounts;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * All associations by position: position 0 is the root, and an account stands before all that lies in it.
 *
 * <p>An account with {@link Association#PARENT_SHARES} holds its members together for limits only: for fairshare they are children of the nearest account above that has shares of its own, its
 * {@link #fairshareParent}.
 */
public final class AccountTree {
    private static final int NONE = -1;

    private final List<Association> associations;
    private final int[] parents;
    private final int[] fairshareParents;
    private final int[] depths;
    private final int[][] children;
    private final long[] levelShares;
    private final int users;
    private final Map<String, Integer> byName = new HashMap<>();

    private AccountTree(List<Association> associations, int[] parents) {
        int size = associations.size();
        this.associations = associations;
        this.parents = parents;
        fairshareParents = new int[size];
        depths = new int[size];
        levelShares = new long[size];
        children = childrenOf(associations, parents);
        int count = 0;
        for (int at = 0; at < size; at++) {
            Association association = associations.get(at);
            count += association.isUser() ? 1 : 0;
            if (byName.putIfAbsent(association.name(), at) != null) {
                throw invalid("'" + association.name() + "' is there twice");
            }
            if (at == 0) {
                fairshareParents[at] = NONE;
                continue;
            }
            int parent = parents[at];
            if (associations.get(parent).isUser()) {
                throw invalid(association.name() + " lies in " + associations.get(parent).name() + ", which is a user");
            }
            depths[at] = depths[parent] + 1;
            fairshareParents[at] = parent != 0 && associations.get(parent).sharesWithParent() ? fairshareParents[parent] : parent;
        }
        users = count;
        setLevelShares(0, sumOfShares(0));
        for (int at = 1; at < size; at++) {
            if (!associations.get(at).isUser() && !associations.get(at).sharesWithParent()) {
                setLevelShares(at, sumOfShares(at));
            }
        }
    }

    /**
     * Builds the tree.
     *
     * @param rows in any order
     * @throws FerryException INVALID_ARGUMENT when they are not one tree: no root, two of them, an unknown parent, a circle, one id or name twice
     */
    public static AccountTree of(List<Association> rows) {
        Map<Long, Integer> byId = new HashMap<>();
        int root = NONE;
        for (int at = 0; at < rows.size(); at++) {
            Association row = rows.get(at);
            if (byId.putIfAbsent(row.id(), at) != null) {
                throw invalid("Id " + row.id() + " is there twice: " + rows.get(byId.getOrDefault(row.id(), at)).name() + " and " + row.name());
            }
            if (row.parent() == 0) {
                if (root != NONE) {
                    throw invalid("There are two roots: " + rows.get(root).name() + " and " + row.name());
                }
                root = at;
            }
        }
        if (root == NONE) {
            throw invalid("There is no root: an account with parent 0");
        }
        List<List<Integer>> below = new ArrayList<>();
        rows.forEach(row -> below.add(new ArrayList<>()));
        for (int at = 0; at < rows.size(); at++) {
            Association row = rows.get(at);
            if (at != root) {
                Integer parent = byId.get(row.parent());
                if (parent == null) {
                    throw invalid("The parent of " + row.name() + " is " + row.parent() + ", which isn't there");
                }
                below.get(parent).add(at);
            }
        }
        List<Association> ordered = new ArrayList<>(rows.size());
        int[] parents = new int[rows.size()];
        int[] from = new int[rows.size()];
        // Each level's rows keep their order: what comes out of a tree stands in the order in which it went in.
        ordered.add(rows.get(root));
        from[0] = root;
        parents[0] = NONE;
        for (int at = 0; at < ordered.size(); at++) {
            for (int child : below.get(from[at])) {
                parents[ordered.size()] = at;
                from[ordered.size()] = child;
                ordered.add(rows.get(child));
            }
        }
        if (ordered.size() < rows.size()) {
            throw invalid("These lie in a circle: " + rows.stream().filter(row -> !ordered.contains(row)).map(Association::name).toList());
        }
        return new AccountTree(List.copyOf(ordered), parents);
    }

    private static FerryException invalid(String message) {
        return new FerryException(ErrorCode.INVALID_ARGUMENT, "The accounts are not a tree. " + message);
    }

    private static int[][] childrenOf(List<Association> associations, int[] parents) {
        int[] counts = new int[parents.length];
        for (int at = 1; at < parents.length; at++) {
            counts[parents[at]]++;
        }
        int[][] children = new int[parents.length][];
        Arrays.setAll(children, at -> new int[counts[at]]);
        for (int at = parents.length - 1; at > 0; at--) {
            children[parents[at]][--counts[parents[at]]] = at;
        }
        for (int[] siblings : children) {
            boolean descending = true;
            for (int at = 1; at < siblings.length; at++) {
                descending &= associations.get(siblings[at - 1]).id() > associations.get(siblings[at]).id();
            }
            if (!descending) {
                newestFirst(associations, siblings);
            }
        }
        return children;
    }

    private static void newestFirst(List<Association> associations, int[] siblings) {
        Integer[] sorted = Arrays.stream(siblings).boxed().toArray(Integer[]::new);
        Arrays.sort(sorted, (a, b) -> Long.compare(associations.get(b).id(), associations.get(a).id()));
        Arrays.setAll(siblings, at -> sorted[at]);
    }

    private long sumOfShares(int account) {
        long sum = 0;
        for (int child : children[account]) {
            Association association = associations.get(child);
            sum += association.sharesWithParent() ? sumOfShares(child) : association.shares();
        }
        return sum;
    }

    private void setLevelShares(int account, long shares) {
        for (int child : children[account]) {
            levelShares[child] = shares;
            if (associations.get(child).sharesWithParent()) {
                setLevelShares(child, shares);
            }
        }
    }

    public int size() {
        return parents.length;
    }

    public Association get(int position) {
        return associations.get(position);
    }

    public List<Association> associations() {
        return associations;
    }

    /** Number of users' associations: a user in two accounts counts twice. */
    public int users() {
        return users;
    }

    /** Position of the account above; -1 for the root. */
    public int parent(int position) {
        return parents[position];
    }

    /** Position of the nearest account above that has shares of its own, or of the root; -1 for the root. */
    public int fairshareParent(int position) {
        return fairshareParents[position];
    }

    /** Accounts above: 0 for the root. */
    public int depth(int position) {
        return depths[position];
    }

    /** What lies directly in it, newest first: the order in which Slurm goes through them. Not to be changed. */
    public int[] children(int position) {
        return children[position];
    }

    /** Shares of all that it competes with, itself included. */
    public long levelShares(int position) {
        return levelShares[position];
    }

    /** Its own priority, or that of the nearest account above that has one; 0 if none has. */
    public long priority(int position) {
        for (int at = position; at != NONE; at = parents[at]) {
            Long own = associations.get(at).priority();
            if (own != null) {
                return own;
            }
        }
        return 0;
    }

    public OptionalInt find(String account, String user) {
        Integer found = byName.get(account + "/" + user);
        return found == null ? OptionalInt.empty() : OptionalInt.of(found);
    }

    public OptionalInt findAccount(String account) {
        Integer found = byName.get(account);
        return found == null ? OptionalInt.empty() : OptionalInt.of(found);
    }
}
