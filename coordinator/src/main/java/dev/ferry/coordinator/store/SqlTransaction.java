package dev.ferry.coordinator.store;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Operation;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.PreparedBatch;
import org.jdbi.v3.core.statement.SqlStatement;

/** One transaction, in the SQL that both databases understand. */
final class SqlTransaction implements Transaction {
    private static final String PUT_RECORD =
            "INSERT INTO record (kind, id, parent, sort, record) VALUES (?, ?, ?, ?, ?) "
                    + "ON CONFLICT (kind, id) DO UPDATE SET parent = excluded.parent, sort = excluded.sort, record = excluded.record";

    private final Handle handle;
    private final Consumer<Handle> fence;
    private final Set<String> changed = new LinkedHashSet<>();
    private final Kept kept;
    private boolean fenced;

    /**
     * @param fence called before the first write; throws when this coordinator may not write
     * @param kept what earlier transactions have read
     */
    SqlTransaction(Handle handle, Consumer<Handle> fence, Kept kept) {
        this.kept = kept;
        this.handle = handle;
        this.fence = fence;
    }

    Handle handle() {
        return handle;
    }

    Set<String> changed() {
        return changed;
    }

    /** Whether something was written, or was about to be. */
    boolean writes() {
        return fenced;
    }

    @Override
    public Optional<Job> job(String id) {
        return kept.live().known(id).or(() -> one(Tables.JOB, id));
    }

    @Override
    public List<Job> liveJobs() {
        return kept.live().list(() -> query("SELECT record FROM job WHERE live = 1 ORDER BY submitted, id", Job.parser()));
    }

    @Override
    public List<Job> allJobs() {
        return query("SELECT record FROM job ORDER BY submitted, id", Job.parser());
    }

    @Override
    public List<Job> jobsLike(String prefix) {
        return query(
                "SELECT record FROM job WHERE name = ? OR (id >= ? AND id < ?) ORDER BY live DESC, submitted DESC",
                Job.parser(), prefix, prefix, prefix + "\uffff");
    }

    @Override
    public Job put(Job job) {
        Job written = job.toBuilder().setVersion(job.getVersion() + 1).build();
        write(Tables.JOB, written);
        kept.live().written(written);
        changed.add(job.getId());
        return written;
    }

    @Override
    public List<Job> endedJobs(long before, String after, int atMost) {
        return query(
                "SELECT record FROM job WHERE live = 0 AND ended < ? AND id > ? AND NOT EXISTS (SELECT 1 FROM image WHERE image.job = job.id) ORDER BY id LIMIT ?",
                Job.parser(), before, after, atMost);
    }

    @Override
    public void deleteJob(String id) {
        int ignored = update("DELETE FROM operation WHERE job = ?", id);
        kept.open().forget();
        kept.live().deleted(id);
        if (update("DELETE FROM job WHERE id = ?", id) > 0) {
            changed.add(id);
        }
    }

    @Override
    public Optional<Operation> operation(String id) {
        return kept.open().known(id).or(() -> one(Tables.OPERATION, id));
    }

    @Override
    public List<Operation> openOperations() {
        return kept.open().list(() -> query("SELECT record FROM operation WHERE open = 1 ORDER BY started, id", Operation.parser()));
    }

    @Override
    public List<Operation> operations(String job, int atMost) {
        return job.isEmpty()
                ? query("SELECT record FROM operation ORDER BY started DESC, id LIMIT ?", Operation.parser(), atMost)
                : query("SELECT record FROM operation WHERE job = ? ORDER BY started DESC, id LIMIT ?", Operation.parser(), job, atMost);
    }

    @Override
    public List<Operation> operationsBefore(String job, int newest, int atMost) {
        return query("SELECT record FROM operation WHERE job = ? ORDER BY started DESC, id LIMIT ? OFFSET ?", Operation.parser(), job, atMost, newest);
    }

    @Override
    public List<Operation> operationsLike(String prefix) {
        return query("SELECT record FROM operation WHERE id >= ? AND id < ?", Operation.parser(), prefix, prefix + "\uffff");
    }

    @Override
    public Operation put(Operation operation) {
        Operation written = operation.toBuilder().setVersion(operation.getVersion() + 1).build();
        write(Tables.OPERATION, written);
        kept.open().written(written);
        changed.add(operation.getId());
        return written;
    }

    @Override
    public void deleteOperation(String id) {
        int ignored = update("DELETE FROM operation WHERE id = ? AND open = 0", id);
    }

    @Override
    public Optional<Image> image(String id) {
        return one(Tables.IMAGE, id);
    }

    @Override
    public List<Image> images(String job) {
        return job.isEmpty()
                ? query("SELECT record FROM image ORDER BY job, sequence", Image.parser())
                : query("SELECT record FROM image WHERE job = ? ORDER BY sequence", Image.parser(), job);
    }

    @Override
    public void put(Image image) {
        write(Tables.IMAGE, image);
    }

    @Override
    public void deleteImage(String id) {
        int ignored = update("DELETE FROM image WHERE id = ?", id);
    }

    @Override
    public Optional<Node> node(String name) {
        return kept.nodes().known(name).or(() -> one(Tables.NODE, name));
    }

    @Override
    public List<Node> nodes() {
        return kept.nodes().list(() -> query("SELECT record FROM node ORDER BY name", Node.parser()));
    }

    @Override
    public void put(Node node) {
        write(Tables.NODE, node);
        kept.nodes().written(node);
        changed.add(node.getName());
    }

    @Override
    public void deleteNode(String name) {
        int deleted = update("DELETE FROM node WHERE name = ?", name);
        kept.nodes().deleted(name);
        if (deleted > 0) {
            changed.add(name);
        }
    }

    @Override
    public <T extends Message> Optional<T> record(RecordKind<T> kind, String id) {
        return first(query("SELECT record FROM record WHERE kind = ? AND id = ?", kind.parser(), kind.name(), id));
    }

    @Override
    public <T extends Message> List<T> records(RecordKind<T> kind, RecordQuery wanted) {
        List<Object> values = new ArrayList<>(List.of(kind.name(), wanted.from(), wanted.before()));
        wanted.parent().ifPresent(values::add);
        values.add(wanted.atMost());
        String direction = wanted.descending() ? " DESC" : "";
        return query(
                "SELECT record FROM record WHERE kind = ? AND sort >= ? AND sort < ?" + (wanted.parent().isPresent() ? " AND parent = ?" : "") + " ORDER BY sort" + direction + ", id" + direction + " LIMIT ?",
                kind.parser(),
                values.toArray());
    }

    @Override
    public <T extends Message> void put(RecordKind<T> kind, T record) {
        String id = kind.id().apply(record);
        putRaw(kind.name(), id, kind.parent().apply(record), kind.sort().applyAsLong(record), record.toByteArray());
        changed.add(kind.changeKey(id));
    }

    @Override
    public <T extends Message> void putAll(RecordKind<T> kind, List<T> records) {
        if (records.isEmpty()) {
            return;
        }
        requireLeader();
        PreparedBatch batch = handle.prepareBatch(PUT_RECORD);
        for (T record : records) {
            String id = kind.id().apply(record);
            batch = bind(batch, kind.name(), id, kind.parent().apply(record), kind.sort().applyAsLong(record), record.toByteArray()).add();
            changed.add(kind.changeKey(id));
        }
        int[] ignored = batch.execute();
    }

    /** Writes a record as it lies in the table; nobody is told. */
    void putRaw(String kind, String id, String parent, long sort, byte[] record) {
        int ignored = update(PUT_RECORD, kind, id, parent, sort, record);
    }

    @Override
    public void delete(RecordKind<?> kind, String id) {
        if (update("DELETE FROM record WHERE kind = ? AND id = ?", kind.name(), id) > 0) {
            changed.add(kind.changeKey(id));
        }
    }

    @Override
    public int deleteBefore(RecordKind<?> kind, long sort) {
        return update("DELETE FROM record WHERE kind = ? AND sort < ?", kind.name(), sort);
    }

    private <T extends Message> Optional<T> one(RecordTable<T> table, String key) {
        return first(query("SELECT record FROM " + table.name() + " WHERE " + table.key() + " = ?", table.parser(), key));
    }

    /** Writes a record as it is, its version too; nobody is told. */
    <T extends Message> void write(RecordTable<T> table, T record) {
        int ignored = update(table.upsert(), table.values(record));
    }

    private static <T> Optional<T> first(List<T> rows) {
        return rows.isEmpty() ? Optional.empty() : Optional.of(rows.getFirst());
    }

    private <T extends Message> List<T> query(String sql, Parser<T> parser, Object... values) {
        List<byte[]> rows = bind(handle.createQuery(sql), values).map((row, context) -> row.getBytes(1)).list();
        List<T> found = new ArrayList<>(rows.size());
        for (byte[] row : rows) {
            try {
                found.add(parser.parseFrom(row));
            } catch (InvalidProtocolBufferException damaged) {
                throw new FerryException(ErrorCode.INTERNAL, "A record of the database is damaged (" + sql + "): " + damaged.getMessage(), damaged);
            }
        }
        return found;
    }

    @Override
    public void requireLeader() {
        if (!fenced) {
            fence.accept(handle);
            fenced = true;
        }
    }

    private int update(String sql, Object... values) {
        requireLeader();
        return bind(handle.createUpdate(sql), values).execute();
    }

    private static <S extends SqlStatement<S>> S bind(S statement, Object... values) {
        for (int i = 0; i < values.length; i++) {
            if (values[i] instanceof String text && text.indexOf('\0') >= 0) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "A name holds a character of the value 0");
            }
            statement.bind(i, values[i]);
        }
        return statement;
    }
}
