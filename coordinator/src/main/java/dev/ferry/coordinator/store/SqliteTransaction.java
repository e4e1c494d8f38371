package dev.ferry.coordinator.store;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.JobStates;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** One transaction on a SQLite connection. */
final class SqliteTransaction implements Transaction {
    private final Connection connection;
    private final Path file;
    private final Set<String> changed = new LinkedHashSet<>();

    SqliteTransaction(Connection connection, Path file) {
        this.connection = connection;
        this.file = file;
    }

    Set<String> changed() {
        return changed;
    }

    @Override
    public Optional<Job> job(String id) {
        return first(query("SELECT record FROM job WHERE id = ?", Job.parser(), id));
    }

    @Override
    public List<Job> liveJobs() {
        return query("SELECT record FROM job WHERE live = 1 ORDER BY submitted, id", Job.parser());
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
        update(
                "INSERT INTO job (id, name, live, submitted, record) VALUES (?, ?, ?, ?, ?) "
                        + "ON CONFLICT (id) DO UPDATE SET name = excluded.name, live = excluded.live, record = excluded.record",
                job.getId(), job.getSpec().getName(), JobStates.isEnded(job.getState()) ? 0 : 1, job.getSubmittedAt(), written.toByteArray());
        changed.add(job.getId());
        return written;
    }

    @Override
    public Optional<Operation> operation(String id) {
        return first(query("SELECT record FROM operation WHERE id = ?", Operation.parser(), id));
    }

    @Override
    public List<Operation> openOperations() {
        return query("SELECT record FROM operation WHERE open = 1 ORDER BY started, id", Operation.parser());
    }

    @Override
    public List<Operation> operations(String job, int atMost) {
        return job.isEmpty()
                ? query("SELECT record FROM operation ORDER BY started DESC, id LIMIT ?", Operation.parser(), atMost)
                : query("SELECT record FROM operation WHERE job = ? ORDER BY started DESC, id LIMIT ?", Operation.parser(), job, atMost);
    }

    @Override
    public List<Operation> operationsLike(String prefix) {
        return query("SELECT record FROM operation WHERE id >= ? AND id < ?", Operation.parser(), prefix, prefix + "\uffff");
    }

    @Override
    public Operation put(Operation operation) {
        Operation written = operation.toBuilder().setVersion(operation.getVersion() + 1).build();
        update(
                "INSERT INTO operation (id, job, open, started, record) VALUES (?, ?, ?, ?, ?) "
                        + "ON CONFLICT (id) DO UPDATE SET open = excluded.open, record = excluded.record",
                operation.getId(), operation.getJob(), operation.getState() == OperationState.OPEN ? 1 : 0, operation.getStartedAt(), written.toByteArray());
        changed.add(operation.getId());
        return written;
    }

    @Override
    public Optional<Image> image(String id) {
        return first(query("SELECT record FROM image WHERE id = ?", Image.parser(), id));
    }

    @Override
    public List<Image> images(String job) {
        return job.isEmpty()
                ? query("SELECT record FROM image ORDER BY job, sequence", Image.parser())
                : query("SELECT record FROM image WHERE job = ? ORDER BY sequence", Image.parser(), job);
    }

    @Override
    public void put(Image image) {
        update(
                "INSERT OR REPLACE INTO image (id, job, sequence, record) VALUES (?, ?, ?, ?)",
                image.getId(), image.getJob(), image.getSequence(), image.toByteArray());
    }

    @Override
    public void deleteImage(String id) {
        update("DELETE FROM image WHERE id = ?", id);
    }

    @Override
    public Optional<Node> node(String name) {
        return first(query("SELECT record FROM node WHERE name = ?", Node.parser(), name));
    }

    @Override
    public List<Node> nodes() {
        return query("SELECT record FROM node ORDER BY name", Node.parser());
    }

    @Override
    public void put(Node node) {
        update("INSERT OR REPLACE INTO node (name, record) VALUES (?, ?)", node.getName(), node.toByteArray());
        changed.add(node.getName());
    }

    private static <T> Optional<T> first(List<T> rows) {
        return rows.isEmpty() ? Optional.empty() : Optional.of(rows.getFirst());
    }

    private <T extends Message> List<T> query(String sql, Parser<T> parser, Object... values) {
        try (PreparedStatement statement = prepare(sql, values);
                ResultSet rows = statement.executeQuery()) {
            List<T> found = new ArrayList<>();
            while (rows.next()) {
                found.add(parser.parseFrom(rows.getBytes(1)));
            }
            return found;
        } catch (SQLException failed) {
            throw SqliteStateStore.translate(failed, file);
        } catch (InvalidProtocolBufferException damaged) {
            throw new FerryException(ErrorCode.INTERNAL, "A record in the database " + file + " is damaged: " + damaged.getMessage(), damaged);
        }
    }

    private void update(String sql, Object... values) {
        try (PreparedStatement statement = prepare(sql, values)) {
            int ignored = statement.executeUpdate();
        } catch (SQLException failed) {
            throw SqliteStateStore.translate(failed, file);
        }
    }

    private PreparedStatement prepare(String sql, Object... values) throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        for (int i = 0; i < values.length; i++) {
            statement.setObject(i + 1, values[i]);
        }
        return statement;
    }
}
