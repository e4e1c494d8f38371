package dev.ferry.coordinator.store;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.ProofKind;
import dev.ferry.proto.v1.StateRow;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;

/** The rows of all tables as they are, out of a database and into one, in one transaction. */
final class StateRows {
    private static final String RECORD = "record";
    private static final int AT_ONCE = 500;

    private final Handle handle;

    StateRows(Handle handle) {
        this.handle = handle;
    }

    void forEach(Consumer<StateRow> each) {
        for (RecordTable<?> table : Tables.ALL) {
            handle.createQuery("SELECT record FROM " + table.name() + " ORDER BY " + table.key())
                    .setFetchSize(AT_ONCE)
                    .map((row, context) -> StateRow.newBuilder().setTable(table.name()).setRecord(ByteString.copyFrom(row.getBytes(1))).build())
                    .forEach(each);
        }
        handle.createQuery("SELECT kind, id, parent, sort, record FROM record ORDER BY kind, id")
                .setFetchSize(AT_ONCE)
                .map(
                        (row, context) ->
                                StateRow.newBuilder()
                                        .setTable(RECORD)
                                        .setKind(row.getString(1))
                                        .setId(row.getString(2))
                                        .setParent(row.getString(3))
                                        .setSort(row.getLong(4))
                                        .setRecord(ByteString.copyFrom(row.getBytes(5)))
                                        .build())
                .forEach(each);
    }

    /**
     * @throws FerryException WRONG_STATE
     */
    void requireNone() {
        for (String table : tables()) {
            long rows = count(table);
            if (rows > 0) {
                throw new FerryException(ErrorCode.WRONG_STATE, "The database holds a state already (" + rows + " rows in table " + table + "); a state is only taken into an empty one, before the first start of a coordinator");
            }
        }
    }

    /**
     * @throws FerryException WRONG_STATE
     */
    void requireSome() {
        if (tables().stream().allMatch(table -> count(table) == 0)) {
            throw new FerryException(ErrorCode.WRONG_STATE, "The database holds no coordinator's state; is it the one that is meant?");
        }
    }

    private static List<String> tables() {
        return Stream.concat(Tables.ALL.stream().map(RecordTable::name), Stream.of(RECORD)).toList();
    }

    private long count(String table) {
        return handle.createQuery("SELECT COUNT(*) FROM " + table).mapTo(Long.class).one();
    }

    /**
     * @param wentOn whether the coordinator whose row it is went on: a node may have come back since its lease's end was recorded, so the
     *     record is not kept, and the lease counts as whole from the next start
     * @throws FerryException FORMAT_UNKNOWN when this Ferry has no such table
     */
    static void insert(SqlTransaction into, StateRow row, boolean wentOn) {
        if (row.getTable().equals(RECORD)) {
            into.putRaw(row.getKind(), row.getId(), row.getParent(), row.getSort(), row.getRecord().toByteArray());
            return;
        }
        RecordTable<?> table =
                Tables.ALL.stream()
                        .filter(one -> one.name().equals(row.getTable()))
                        .findFirst()
                        .orElseThrow(() -> new FerryException(ErrorCode.FORMAT_UNKNOWN, "The state has a table '" + row.getTable() + "' that this Ferry does not know"));
        if (wentOn && table == Tables.NODE) {
            into.write(Tables.NODE, withoutLeaseProof(parse(Tables.NODE, row)));
        } else {
            insert(into, table, row);
        }
    }

    private static Node withoutLeaseProof(Node node) {
        return node.getProof().getKind() == ProofKind.PROOF_LEASE ? node.toBuilder().clearProof().build() : node;
    }

    private static <T extends Message> void insert(SqlTransaction into, RecordTable<T> table, StateRow row) {
        into.write(table, parse(table, row));
    }

    private static <T extends Message> T parse(RecordTable<T> table, StateRow row) {
        try {
            return table.parser().parseFrom(row.getRecord());
        } catch (InvalidProtocolBufferException damaged) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "A row of table " + table.name() + " is damaged: " + damaged.getMessage(), damaged);
        }
    }
}
