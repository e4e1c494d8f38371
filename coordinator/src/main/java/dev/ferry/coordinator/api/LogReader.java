package dev.ferry.coordinator.api;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.nodes.LogRelay;
import dev.ferry.coordinator.store.Changes;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.LogChunk;
import dev.ferry.proto.v1.LogData;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.Images;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;

/**
 * A job's log as one run of bytes, wherever it lies: on the node where the job is, or in its latest image.
 * A reader that follows goes on at its offset when the job moves; the image says how long the log was.
 */
public final class LogReader {
    private static final Duration QUIET = Duration.ofSeconds(30);
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final StateStore store;
    private final Changes changes;
    private final LogRelay relay;
    private final Images images;

    public LogReader(StateStore store, Changes changes, LogRelay relay, Images images) {
        this.store = store;
        this.changes = changes;
        this.relay = relay;
        this.images = images;
    }

    /** Takes pieces of a log, in order. */
    public interface Sink {
        /**
         * Waits while there is no room.
         *
         * @return false when nobody reads any more
         */
        boolean take(LogChunk piece) throws InterruptedException;

        boolean isOpen();
    }

    /**
     * Reads a log to its end: that of now, or, when following, that of the job.
     *
     * @throws FerryException JOB_NOT_FOUND, NODE_DOWN
     */
    public void read(String name, long from, boolean follow, Sink sink) throws InterruptedException {
        String id = store.transact(state -> JobNames.job(state, name)).getId();
        long offset = from;
        while (sink.isOpen()) {
            Job job = job(id);
            long before = offset;
            offset = isOnANode(job) ? fromNode(job, offset, follow, sink) : fromImage(job, offset, sink);
            boolean over = !follow || (JobStates.isEnded(job.getState()) && offset == before);
            if (over) {
                return;
            }
            if (offset == before && !awaitChange(job)) {
                continue;
            }
        }
    }

    private Job job(String id) {
        return store.transact(state -> state.job(id).orElseThrow());
    }

    /** An ended job's log stays where it ended. */
    private static boolean isOnANode(Job job) {
        return switch (job.getState()) {
            case STARTING, RUNNING, PARKED, UNREACHABLE, EXITED, CANCELLED_JOB, LOST -> !job.getNode().isEmpty();
            case PENDING, SUSPENDED, RESTORING, FAILED, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> false;
        };
    }

    private long fromNode(Job job, long from, boolean follow, Sink sink) throws InterruptedException {
        long offset = from;
        try (LogRelay.Reading reading = relay.open(job.getNode(), job.getId(), from, follow)) {
            while (sink.isOpen()) {
                LogData piece = reading.next(follow ? QUIET : PATIENCE);
                if (piece == null) {
                    if (!follow) {
                        throw new FerryException(ErrorCode.NODE_DOWN, "Node " + job.getNode() + " does not send the log of job " + job.getId());
                    }
                    boolean moved = job(job.getId()).getIncarnation() != job.getIncarnation();
                    if (moved) {
                        return offset;
                    }
                    continue;
                }
                if (piece.getData().size() > 0) {
                    if (!sink.take(LogChunk.newBuilder().setOffset(piece.getOffset()).setData(piece.getData()).build())) {
                        return offset;
                    }
                    offset = piece.getOffset() + piece.getData().size();
                }
                if (piece.getEnd()) {
                    return offset;
                }
            }
        } catch (FerryException failed) {
            if (failed.code() == ErrorCode.JOB_NOT_FOUND && job.getState() == JobState.STARTING) {
                // The order to start it has not reached the node: there is nothing yet.
                return offset;
            }
            boolean gone = failed.code() == ErrorCode.JOB_NOT_FOUND || failed.code() == ErrorCode.NODE_DOWN;
            if (!gone || job.getLatestImage().isEmpty() || job.getState() == JobState.RUNNING) {
                if (follow && gone) {
                    return offset;
                }
                throw failed;
            }
            return fromImage(job, offset, sink);
        }
        return offset;
    }

    private long fromImage(Job job, long from, Sink sink) throws InterruptedException {
        if (job.getLatestImage().isEmpty()) {
            return from;
        }
        long offset = from;
        Optional<ByteSource> log = images.openVolumeFile(job.getLatestImage(), "log", "output.log", from);
        if (log.isEmpty()) {
            return from;
        }
        try (ByteSource source = log.get()) {
            ByteBuffer piece;
            while ((piece = source.next()) != null) {
                if (!piece.hasRemaining()) {
                    continue;
                }
                LogChunk chunk = LogChunk.newBuilder().setOffset(offset).setData(ByteString.copyFrom(piece)).build();
                if (!sink.take(chunk)) {
                    return offset;
                }
                offset += chunk.getData().size();
            }
        }
        return offset;
    }

    private boolean awaitChange(Job job) throws InterruptedException {
        return changes.await(job.getId(), PATIENCE, () -> job(job.getId()).getVersion() != job.getVersion());
    }
}
