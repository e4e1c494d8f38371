package dev.ferry.coordinator.accounts;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Association;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobSpec;
import java.util.List;

/** Whom a new job is billed to, and by which QoS and partition it waits. */
public final class Admission {
    private Admission() {}

    /**
     * Fills in what the user left open. A user of the account {@code default} is added to it with the first job; in all others users must be added by an operator.
     *
     * @throws FerryException ACCOUNT_NOT_FOUND, QOS_NOT_FOUND, PARTITION_NOT_FOUND, FORBIDDEN when the QoS is for other accounts
     */
    public static JobQueue admit(Transaction state, JobSpec spec) {
        AccountBook book = AccountBook.read(state);
        String user = spec.getUserName().isEmpty() ? AccountBook.DEFAULT_USER : spec.getUserName();
        String account = spec.getAccount().isEmpty() ? defaultAccount(book, user) : spec.getAccount();
        if (book.association(account, user).isEmpty()) {
            if (!account.equals(AccountBook.DEFAULT_ACCOUNT)) {
                throw new FerryException(
                        ErrorCode.ACCOUNT_NOT_FOUND, book.association(account, "").isEmpty() ? "There is no account '" + account + "'" : "User '" + user + "' is not in account '" + account + "'");
            }
            Association added = Association.newBuilder().setId(book.nextId()).setAccount(account).setUser(user).build();
            state.put(AccountKinds.ASSOCIATION, added);
            book.put(added);
        }
        String qos = spec.getQos().isEmpty() ? defaultQos(book, account, user) : spec.getQos();
        if (book.findQos(qos).isEmpty()) {
            throw new FerryException(ErrorCode.QOS_NOT_FOUND, "There is no QoS '" + qos + "'; there are " + String.join(", ", book.allQos().stream().map(one -> one.getName()).toList()));
        }
        List<String> accounts = book.qos(qos).getAccountsList();
        if (!accounts.isEmpty() && book.path(account, user).stream().map(Association::getAccount).noneMatch(accounts::contains)) {
            throw new FerryException(ErrorCode.FORBIDDEN, "QoS '" + qos + "' is for jobs of " + String.join(", ", accounts) + ", not of account '" + account + "'");
        }
        String partition = spec.getPartition().isEmpty() ? AccountBook.DEFAULT_PARTITION : spec.getPartition();
        if (book.findPartition(partition).isEmpty()) {
            throw new FerryException(
                    ErrorCode.PARTITION_NOT_FOUND, "There is no partition '" + partition + "'; there are " + String.join(", ", book.partitions().stream().map(one -> one.getName()).toList()));
        }
        return JobQueue.newBuilder().setAccount(account).setUser(user).setQos(qos).setPartition(partition).setSince(state.now()).build();
    }

    private static String defaultAccount(AccountBook book, String user) {
        return book.associations().stream()
                .filter(one -> one.getUser().equals(user))
                .reduce((one, other) -> other.getDefaultAccount() ? other : one)
                .map(Association::getAccount)
                .orElse(AccountBook.DEFAULT_ACCOUNT);
    }

    private static String defaultQos(AccountBook book, String account, String user) {
        return book.path(account, user).stream().map(Association::getDefaultQos).filter(qos -> !qos.isEmpty()).findFirst().orElse(AccountBook.DEFAULT_QOS);
    }
}
