package dev.ferry.coordinator.accounts;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.store.RecordKind;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.AccountingChange;
import dev.ferry.proto.v1.Association;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.Limits;
import dev.ferry.proto.v1.Partition;
import dev.ferry.proto.v1.Qos;
import dev.ferry.scheduling.tres.Tres;
import dev.ferry.scheduling.tres.TresWeights;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/** Changes accounts: checks each change, and after all of them that what there is then is sound. */
public final class AccountChanges {
    private static final String NAMES = "[A-Za-z0-9][A-Za-z0-9._@-]{0,62}";

    private final Transaction state;
    private final AccountBook book;

    private AccountChanges(Transaction state) {
        this.state = state;
        book = AccountBook.read(state);
    }

    /**
     * Does all changes; an exception must undo the transaction.
     *
     * @return what there is afterwards
     * @throws FerryException INVALID_ARGUMENT, ACCOUNT_NOT_FOUND, QOS_NOT_FOUND, PARTITION_NOT_FOUND, ACCOUNTING_EXISTS, ACCOUNTING_IN_USE
     */
    public static AccountBook apply(Transaction state, List<AccountingChange> changes) {
        AccountChanges all = new AccountChanges(state);
        changes.forEach(all::apply);
        all.checkWhole();
        return all.book;
    }

    private void apply(AccountingChange change) {
        switch (change.getWhatCase()) {
            case ASSOCIATION -> association(change, change.getAssociation());
            case QOS -> qos(change, change.getQos());
            case PARTITION -> partition(change, change.getPartition());
            case WHAT_NOT_SET -> throw invalid("A change says nothing about what is changed: association, qos or partition");
        }
    }

    private void association(AccountingChange change, Association asked) {
        AccountingChange.How how = change.getHow();
        name("account", asked.getAccount());
        if (!asked.getUser().isEmpty()) {
            name("user", asked.getUser());
        }
        String name = AccountKinds.name(asked);
        String kind = asked.getUser().isEmpty() ? "account" : "user";
        Optional<Association> before = book.association(asked.getAccount(), asked.getUser());
        require(how, before.isPresent(), kind + " '" + name + "'", ErrorCode.ACCOUNT_NOT_FOUND);
        if (how == AccountingChange.How.REMOVE) {
            remove(before.orElseThrow(), name);
            return;
        }
        Association.Builder next = merged(change, before.map(Association::toBuilder), asked.toBuilder()).setId(before.map(Association::getId).orElseGet(book::nextId));
        if (next.hasShares() && next.getShares() < dev.ferry.scheduling.accounts.Association.PARENT_SHARES) {
            throw invalid(kind + " '" + name + "': shares must be 0 or more, or 'parent'");
        }
        if (asked.getUser().isEmpty() && asked.getAccount().equals(AccountBook.ROOT) && (asked.hasShares() || !asked.getParent().isEmpty())) {
            throw invalid("The account root has neither shares nor a parent");
        }
        checkLimits(kind + " '" + name + "'", asked.getLimits());
        if (asked.getDefaultAccount()) {
            onlyDefault(asked.getUser());
        }
        book.put(next.build());
        state.put(AccountKinds.ASSOCIATION, next.build());
    }

    /** A user has one default account. */
    private void onlyDefault(String user) {
        for (Association other : book.associations()) {
            if (other.getUser().equals(user) && other.getDefaultAccount()) {
                Association without = other.toBuilder().clearDefaultAccount().build();
                book.put(without);
                state.put(AccountKinds.ASSOCIATION, without);
            }
        }
    }

    private void remove(Association gone, String name) {
        if (gone.getUser().isEmpty() && (gone.getAccount().equals(AccountBook.ROOT) || gone.getAccount().equals(AccountBook.DEFAULT_ACCOUNT))) {
            throw invalid("The account '" + name + "' is always there");
        }
        for (Association other : book.associations()) {
            if (other.getId() != gone.getId() && book.above(other).filter(above -> above.getId() == gone.getId()).isPresent()) {
                throw inUse("Account '" + name + "' holds " + AccountKinds.name(other));
            }
        }
        requireNoJob("Account or user '" + name + "'", queue -> queue.getAccount().equals(gone.getAccount()) && (gone.getUser().isEmpty() || queue.getUser().equals(gone.getUser())));
        book.removeAssociation(name);
        state.delete(AccountKinds.ASSOCIATION, name);
        state.delete(AccountKinds.USAGE, name);
    }

    private void qos(AccountingChange change, Qos asked) {
        AccountingChange.How how = change.getHow();
        name("QoS", asked.getName());
        Optional<Qos> before = book.findQos(asked.getName());
        require(how, before.isPresent(), "QoS '" + asked.getName() + "'", ErrorCode.QOS_NOT_FOUND);
        if (how == AccountingChange.How.REMOVE) {
            if (asked.getName().equals(AccountBook.DEFAULT_QOS)) {
                throw invalid("The QoS 'normal' is always there");
            }
            requireNoJob("QoS '" + asked.getName() + "'", queue -> queue.getQos().equals(asked.getName()));
            book.removeQos(asked.getName());
            state.delete(AccountKinds.QOS, asked.getName());
            return;
        }
        Qos.Builder next = merged(change, before.map(Qos::toBuilder), asked.toBuilder());
        if (next.hasUsageFactor() && !(next.getUsageFactor() >= 0 && Double.isFinite(next.getUsageFactor()))) {
            throw invalid("QoS '" + asked.getName() + "': the usage factor must be 0 or more, and finite");
        }
        for (String account : next.getAccountsList()) {
            if (book.association(account, "").isEmpty()) {
                throw new FerryException(ErrorCode.ACCOUNT_NOT_FOUND, "QoS '" + asked.getName() + "': there is no account '" + account + "'; 'root' is all of them");
            }
        }
        checkLimits("QoS '" + asked.getName() + "'", asked.getLimits());
        book.put(next.build());
        state.put(AccountKinds.QOS, next.build());
    }

    private void partition(AccountingChange change, Partition asked) {
        AccountingChange.How how = change.getHow();
        name("partition", asked.getName());
        Optional<Partition> before = book.findPartition(asked.getName());
        require(how, before.isPresent(), "partition '" + asked.getName() + "'", ErrorCode.PARTITION_NOT_FOUND);
        if (how == AccountingChange.How.REMOVE) {
            if (asked.getName().equals(AccountBook.DEFAULT_PARTITION)) {
                throw invalid("The partition 'default' is always there");
            }
            requireNoJob("Partition '" + asked.getName() + "'", queue -> queue.getPartition().equals(asked.getName()));
            book.removePartition(asked.getName());
            state.delete(AccountKinds.PARTITION, asked.getName());
            return;
        }
        Partition.Builder next = merged(change, before.map(Partition::toBuilder), asked.toBuilder());
        var ignored = TresWeights.parseBilling(next.getBillingWeights());
        book.put(next.build());
        state.put(AccountKinds.PARTITION, next.build());
    }

    /** What a change makes of what was there: with MODIFY, fields and lists that it names take the place of those before. */
    private static <B extends Message.Builder> B merged(AccountingChange change, Optional<B> before, B asked) {
        if (change.getHow() != AccountingChange.How.MODIFY || before.isEmpty()) {
            return asked;
        }
        B next = before.get();
        change.getClearList().forEach(name -> next.clearField(list(next, name)));
        asked.getAllFields()
                .forEach(
                        (field, value) -> {
                            if (value instanceof Limits limits) {
                                next.setField(field, ((Limits) next.getField(field)).toBuilder().mergeFrom(limits).build());
                            } else {
                                next.setField(field, value);
                            }
                        });
        return next;
    }

    private static FieldDescriptor list(Message.Builder of, String name) {
        FieldDescriptor field = of.getDescriptorForType().findFieldByName(name);
        if (field == null || !field.isRepeated()) {
            throw invalid("There is no list '" + name + "' that could be cleared");
        }
        return field;
    }

    /**
     * What the changes do that may not be meant: a partition may name nodes that come later, and nodes that never will.
     *
     * @return sentences for people
     */
    public static List<String> warnings(Transaction state, List<AccountingChange> changes) {
        return changes.stream()
                .filter(change -> change.getHow() != AccountingChange.How.REMOVE)
                .flatMap(
                        change ->
                                change.getPartition().getNodesList().stream()
                                        .filter(node -> state.node(node).isEmpty())
                                        .map(node -> "Partition '" + change.getPartition().getName() + "': there is no node '" + node + "'; no job of it gets a place there until one of that name joins"))
                .toList();
    }

    private static void require(AccountingChange.How how, boolean there, String what, ErrorCode missing) {
        switch (how) {
            case ADD -> {
                if (there) {
                    throw new FerryException(ErrorCode.ACCOUNTING_EXISTS, "There is a " + what + " already");
                }
            }
            case MODIFY, REMOVE -> {
                if (!there) {
                    throw new FerryException(missing, "There is no " + what);
                }
            }
            case SET -> {}
            case HOW_UNSPECIFIED, UNRECOGNIZED -> throw invalid("A change of " + what + " does not say how: ADD, MODIFY, SET or REMOVE");
        }
    }

    private static void name(String kind, String name) {
        if (!name.matches(NAMES)) {
            throw invalid("'" + name + "' is not a name of a " + kind + ": letters, digits, '.', '_', '@' and '-', at most 63");
        }
    }

    /** Those that are set now: what an earlier Ferry took must not be in the way of another change. */
    private static void checkLimits(String of, Limits limits) {
        try {
            for (String tres : List.of(limits.getGrpTres(), limits.getMaxTresPerUser(), limits.getMaxTresPerJob())) {
                Tres.parse(tres)
                        .forEach(
                                (name, amount) -> {
                                    if (!Tres.isOfJobs(name)) {
                                        throw invalid("no job holds '" + name + "', so a limit of it would hold nobody back; there are limits of cpu, mem, node, gres/gpu and gres/gpu:MODEL");
                                    }
                                });
            }
        } catch (FerryException unreadable) {
            throw invalid(of + ": " + unreadable.getMessage());
        }
    }

    private void requireNoJob(String what, Predicate<JobQueue> uses) {
        Optional<Job> user = state.liveJobs().stream().filter(job -> job.hasQueue() && uses.test(job.getQueue())).findFirst();
        if (user.isPresent()) {
            throw inUse(what + " has job " + user.get().getId());
        }
    }

    private void checkWhole() {
        var ignored = book.tree();
        for (Association one : book.associations()) {
            if (!one.getDefaultQos().isEmpty() && book.findQos(one.getDefaultQos()).isEmpty()) {
                throw new FerryException(ErrorCode.QOS_NOT_FOUND, "There is no QoS '" + one.getDefaultQos() + "', the default of " + AccountKinds.name(one));
            }
        }
        for (Qos one : book.allQos()) {
            for (String other : one.getPreemptsList()) {
                if (book.findQos(other).isEmpty()) {
                    throw new FerryException(ErrorCode.QOS_NOT_FOUND, "There is no QoS '" + other + "', which '" + one.getName() + "' would preempt");
                }
            }
            requireNoCircle(one);
        }
    }

    /** A QoS that preempts itself over others would let jobs take room from each other for ever. */
    private void requireNoCircle(Qos start) {
        Deque<String> next = new ArrayDeque<>(start.getPreemptsList());
        Set<String> seen = new HashSet<>();
        while (!next.isEmpty()) {
            String name = next.pop();
            if (name.equals(start.getName())) {
                throw invalid("QoS '" + name + "' would preempt itself, over " + String.join(", ", start.getPreemptsList()));
            }
            if (seen.add(name)) {
                next.addAll(book.qos(name).getPreemptsList());
            }
        }
    }

    private static FerryException invalid(String message) {
        return new FerryException(ErrorCode.INVALID_ARGUMENT, message);
    }

    private static FerryException inUse(String message) {
        return new FerryException(ErrorCode.ACCOUNTING_IN_USE, message);
    }
}
