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
import java.util.OptionalLong;
import java.util.concurrent.locks.LockSupport;

/**
 * A job's log as one run of bytes, wherever it lies: on the node where the job is, or in its latest image.
 * A reader that follows goes on at its offset when the job moves, or where the log was cut when the job was restored from an image with less of it. While nothing comes it is told why.
 */
public final class LogReader {
    private static final Duration QUIET = Duration.ofSeconds(30);
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    /** Between two turns that had nothing, of a reader that does not follow. */
    private static final long PAUSE_NANOS = 50_000_000;

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
     * @param lifeBefore incarnation of the job that the log was read of before; 0: it was not
     * @throws FerryException JOB_NOT_FOUND; JOB_LOST when it is followed and nothing brings the job back; NODE_DOWN, perhaps after what the job's image has of the log, when its node has or may have more and does not send it
     */
    public void read(String name, long from, long lifeBefore, boolean follow, Sink sink) throws InterruptedException {
        String id = store.transact(state -> JobNames.job(state, name)).getId();
        Progress at = new Progress(from, System.nanoTime());
        LogNotices notices = new LogNotices(sink);
        long life = lifeBefore;
        OptionalLong goneNanos = OptionalLong.empty();
        while (sink.isOpen()) {
            Job job = job(id);
            Optional<Long> cut = life == 0 ? Optional.empty() : cut(job, life, at.offset());
            if (cut.isPresent()) {
                at = new Progress(cut.get(), System.nanoTime());
                notices.tell(job, at.offset(), "job " + job.getId() + " was restored: its log was cut at byte " + at.offset() + " and goes on there");
            }
            life = job.getIncarnation();
            Read turn = isOnANode(job) ? fromNode(job, at.offset(), follow, sink) : Read.of(fromImage(job, at.offset(), sink), true);
            if (turn.gone().isPresent()) {
                goneNanos = OptionalLong.of(goneNanos.orElse(System.nanoTime()));
                boolean ended = JobStates.isEnded(job.getState());
                if (follow && ended && System.nanoTime() - goneNanos.getAsLong() < PATIENCE.toNanos()) {
                    // A node that has lost its stream has a new one soon.
                    at = new Progress(turn.offset(), System.nanoTime());
                    LockSupport.parkNanos(PAUSE_NANOS);
                    continue;
                }
                turn = withoutNode(job, turn, follow && !ended, sink);
            } else {
                goneNanos = OptionalLong.empty();
            }
            boolean none = turn.offset() == at.offset();
            if (!follow && turn.whole()) {
                return;
            }
            if (follow && none && turn.whole() && JobStates.isEnded(job.getState())) {
                return;
            }
            if (!none) {
                at = new Progress(turn.offset(), System.nanoTime());
                notices.more();
            } else if (follow && turn.whole()) {
                Optional<String> why = silence(job, turn, goneNanos);
                if (why.isPresent()) {
                    notices.tell(job, at.offset(), why.get());
                }
                if (!awaitChange(job) && job.getState() == JobState.LOST && !JobStates.comesBack(job)) {
                    throw new FerryException(ErrorCode.JOB_LOST, "Job " + job.getId() + " is lost: " + job.getReason());
                }
            } else if (!follow && System.nanoTime() - at.sinceNanos() > PATIENCE.toNanos()) {
                throw new FerryException(ErrorCode.NODE_DOWN, "Node " + job.getNode() + " does not send the log of job " + job.getId() + " beyond byte " + at.offset() + "; ask again from there");
            } else {
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
    }

    /** Where a reader goes on who is behind the place at which a life after the one that he has read of went on. */
    private Optional<Long> cut(Job job, long life, long offset) {
        return life == job.getIncarnation() ? Optional.empty() : store.transact(state -> LogLives.cut(state, job, life)).filter(cut -> cut < offset);
    }

    /**
     * Why nothing comes of a log that goes on.
     *
     * @param goneNanos since when the node does not send it; one that is back at once is not worth a word
     */
    private static Optional<String> silence(Job job, Read turn, OptionalLong goneNanos) {
        if (job.getState() == JobState.LOST) {
            return Optional.of("job " + job.getId() + " is LOST: " + job.getReason() + (JobStates.comesBack(job) ? "; its log goes on when it is restored" : ""));
        }
        boolean down = job.getState() == JobState.UNREACHABLE || (goneNanos.isPresent() && System.nanoTime() - goneNanos.getAsLong() > PATIENCE.toNanos());
        return turn.gone().filter(gone -> down).map(gone -> "node " + job.getNode() + " is down: " + gone.getMessage() + "; the log goes on when the node is back or the job is restored");
    }

    /** How far a reader is, and since when. */
    private record Progress(long offset, long sinceNanos) {}

    /**
     * What one turn has read.
     *
     * @param offset of what comes next
     * @param whole false: its source has broken off, the log goes on
     * @param gone why the job's node does not send its log; what is read is whole then, as far as it can be
     */
    private record Read(long offset, boolean whole, Optional<FerryException> gone) {
        static Read of(long offset, boolean whole) {
            return new Read(offset, whole, Optional.empty());
        }
    }

    /**
     * Goes on with the image of a job whose node does not send its log.
     *
     * @param waits whether the reader waits for the node, or for the next one
     * @throws FerryException NODE_DOWN, or what the node has said, when it does not wait and that may not have been all
     */
    private Read withoutNode(Job job, Read read, boolean waits, Sink sink) throws InterruptedException {
        FerryException gone = read.gone().orElseThrow();
        boolean image = !job.getLatestImage().isEmpty() && job.getState() != JobState.RUNNING;
        if (!image && !waits) {
            boolean back = gone.code() == ErrorCode.JOB_NOT_FOUND;
            throw back ? new FerryException(ErrorCode.NODE_DOWN, "Node " + job.getNode() + " has come back without job " + job.getId() + ", which has no image: its log is lost", gone) : gone;
        }
        long offset = image ? fromImage(job, read.offset(), sink) : read.offset();
        if (!waits && !store.transact(state -> LogLives.imageHoldsAll(state, job))) {
            throw store.transact(state -> LogLives.notAll(state, job, offset, gone));
        }
        return new Read(offset, true, read.gone());
    }

    private Job job(String id) {
        return store.transact(state -> JobNames.known(state, id));
    }

    /** An ended job's log stays where it ended. */
    private static boolean isOnANode(Job job) {
        return switch (job.getState()) {
            case STARTING, RUNNING, PARKED, UNREACHABLE, EXITED, CANCELLED_JOB, LOST -> !job.getNode().isEmpty();
            case PENDING, SUSPENDED, RESTORING, FAILED, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> false;
        };
    }

    private Read fromNode(Job job, long from, boolean follow, Sink sink) throws InterruptedException {
        long offset = from;
        try (LogRelay.Reading reading = relay.open(job.getNode(), job.getId(), from, follow)) {
            while (sink.isOpen()) {
                LogRelay.Piece next = reading.next(follow ? QUIET : PATIENCE);
                if (next == null) {
                    if (!follow) {
                        throw new FerryException(ErrorCode.NODE_DOWN, "Node " + job.getNode() + " does not send the log of job " + job.getId());
                    }
                    boolean moved = job(job.getId()).getIncarnation() != job.getIncarnation();
                    if (moved) {
                        return Read.of(offset, true);
                    }
                    continue;
                }
                LogData piece = next.data();
                if (piece == null) {
                    return Read.of(offset, false);
                }
                if (piece.getData().size() > 0) {
                    if (!sink.take(LogChunk.newBuilder().setOffset(piece.getOffset()).setData(piece.getData()).setIncarnation(job.getIncarnation()).build())) {
                        return Read.of(offset, true);
                    }
                    offset = piece.getOffset() + piece.getData().size();
                }
                if (piece.getEnd()) {
                    return Read.of(offset, true);
                }
            }
        } catch (FerryException failed) {
            if (failed.code() == ErrorCode.JOB_NOT_FOUND && job.getState() == JobState.STARTING) {
                // The order to start it has not reached the node: there is nothing yet.
                return Read.of(offset, true);
            }
            if (failed.code() == ErrorCode.JOB_NOT_FOUND || failed.code() == ErrorCode.NODE_DOWN) {
                return new Read(offset, true, Optional.of(failed));
            }
            throw failed;
        }
        return Read.of(offset, true);
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
                LogChunk chunk = LogChunk.newBuilder().setOffset(offset).setData(ByteString.copyFrom(piece)).setIncarnation(job.getIncarnation()).build();
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
