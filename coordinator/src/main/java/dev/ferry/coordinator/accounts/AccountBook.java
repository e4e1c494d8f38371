package dev.ferry.coordinator.accounts;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Accounting;
import dev.ferry.proto.v1.Association;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Partition;
import dev.ferry.proto.v1.Qos;
import dev.ferry.scheduling.accounts.AccountTree;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * All accounts, users, QoS and partitions, as one transaction sees them. Account {@code root} with {@code default} in it, QoS {@code normal} and partition {@code default} are there without anybody
 * having made them, so that who doesn't care for accounts needs none.
 */
public final class AccountBook {
    public static final String ROOT = "root";
    public static final String DEFAULT_ACCOUNT = "default";
    public static final String DEFAULT_QOS = "normal";
    public static final String DEFAULT_PARTITION = "default";
    /** Whose jobs are that name no user. */
    public static final String DEFAULT_USER = "root";

    private static final long ROOT_ID = 1;
    private static final long DEFAULT_ID = 2;

    private final Map<String, Association> associations = new LinkedHashMap<>();
    private final Map<String, Qos> qos = new LinkedHashMap<>();
    private final Map<String, Partition> partitions = new LinkedHashMap<>();

    private AccountBook() {}

    /** Reads all of it. */
    public static AccountBook read(Transaction state) {
        AccountBook book = new AccountBook();
        List<Association> stored = state.records(AccountKinds.ASSOCIATION, RecordQuery.all());
        book.put(Association.newBuilder().setId(ROOT_ID).setAccount(ROOT).build());
        book.put(Association.newBuilder().setId(DEFAULT_ID).setAccount(DEFAULT_ACCOUNT).setParent(ROOT).build());
        stored.forEach(book::put);
        book.qos.put(DEFAULT_QOS, Qos.newBuilder().setName(DEFAULT_QOS).build());
        state.records(AccountKinds.QOS, RecordQuery.all()).forEach(one -> book.qos.put(one.getName(), one));
        book.partitions.put(DEFAULT_PARTITION, Partition.newBuilder().setName(DEFAULT_PARTITION).build());
        state.records(AccountKinds.PARTITION, RecordQuery.all()).forEach(one -> book.partitions.put(one.getName(), one));
        return book;
    }

    void put(Association association) {
        associations.put(AccountKinds.name(association), association);
    }

    void put(Qos one) {
        qos.put(one.getName(), one);
    }

    /**
     * The nodes of one partition, without all else in the book; empty: all.
     *
     * @param partition empty: that of jobs which name none
     */
    public static List<String> nodesOf(Transaction state, String partition) {
        return state.record(AccountKinds.PARTITION, partition.isEmpty() ? DEFAULT_PARTITION : partition).map(one -> List.copyOf(one.getNodesList())).orElse(List.of());
    }

    void put(Partition one) {
        partitions.put(one.getName(), one);
    }

    void removeAssociation(String name) {
        associations.remove(name);
    }

    void removeQos(String name) {
        qos.remove(name);
    }

    void removePartition(String name) {
        partitions.remove(name);
    }

    /** By age. */
    public List<Association> associations() {
        return List.copyOf(associations.values());
    }

    public Optional<Association> association(String account, String user) {
        return Optional.ofNullable(associations.get(AccountKinds.name(account, user)));
    }

    public Optional<Qos> findQos(String name) {
        return Optional.ofNullable(qos.get(name));
    }

    /** A job's QoS; one that was removed since counts as one without priority and limits. */
    public Qos qos(String name) {
        return findQos(name).orElseGet(() -> Qos.newBuilder().setName(name).build());
    }

    public List<Qos> allQos() {
        return List.copyOf(qos.values());
    }

    public Optional<Partition> findPartition(String name) {
        return Optional.ofNullable(partitions.get(name));
    }

    /** A job's partition; one that was removed since counts as one with all nodes. */
    public Partition partition(String name) {
        return findPartition(name).orElseGet(() -> Partition.newBuilder().setName(name).build());
    }

    public List<Partition> partitions() {
        return List.copyOf(partitions.values());
    }

    long nextId() {
        return 1 + associations.values().stream().mapToLong(Association::getId).max().orElse(DEFAULT_ID);
    }

    /** The account above; empty for the root. */
    Optional<Association> above(Association association) {
        if (!association.getUser().isEmpty()) {
            return association(association.getAccount(), "");
        }
        return association.getAccount().equals(ROOT) ? Optional.empty() : association(parent(association), "");
    }

    private static String parent(Association account) {
        return account.getParent().isEmpty() ? ROOT : account.getParent();
    }

    /** An association, then the accounts above it to the root. */
    public List<Association> path(String account, String user) {
        List<Association> path = new ArrayList<>();
        Optional<Association> at = association(account, user).or(() -> association(account, ""));
        while (at.isPresent() && path.size() <= associations.size()) {
            path.add(at.get());
            at = above(at.get());
        }
        return path;
    }

    /** Shares as {@code sshare} shows them; {@link dev.ferry.scheduling.accounts.Association#PARENT_SHARES} for those of the parent. */
    static int shares(Association association) {
        return association.hasShares() ? association.getShares() : 1;
    }

    /**
     * The tree that shares go by.
     *
     * @throws FerryException INVALID_ARGUMENT when it is none
     */
    public AccountTree tree() {
        List<dev.ferry.scheduling.accounts.Association> rows = new ArrayList<>();
        for (Association one : associations.values()) {
            boolean isRoot = one.getId() == ROOT_ID;
            long parent =
                    isRoot
                            ? 0
                            : above(one)
                                    .orElseThrow(() -> new FerryException(ErrorCode.ACCOUNT_NOT_FOUND, "There is no account '" + (one.getUser().isEmpty() ? parent(one) : one.getAccount()) + "', in which " + AccountKinds.name(one) + " would lie"))
                                    .getId();
            rows.add(
                    new dev.ferry.scheduling.accounts.Association(
                            one.getId(), parent, one.getAccount(), one.getUser().isEmpty() ? null : one.getUser(), isRoot ? 1 : shares(one), one.hasPriority() ? Long.valueOf(one.getPriority()) : null));
        }
        return AccountTree.of(rows);
    }

    /** As a message. */
    public Accounting message() {
        return Accounting.newBuilder().addAllAssociations(associations.values()).addAllQos(qos.values()).addAllPartitions(partitions.values()).build();
    }
}
