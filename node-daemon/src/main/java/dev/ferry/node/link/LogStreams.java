package dev.ferry.node.link;

import com.google.protobuf.ByteString;
import dev.ferry.common.Errors;
import dev.ferry.common.FerryException;
import dev.ferry.node.jobs.JobRegistry;
import dev.ferry.node.posix.Posix;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FromNode;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.LogData;
import dev.ferry.proto.v1.LogRequest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Logs on their way to the coordinator: each request is read by a thread of its own, in order, as fast as the stream takes it. */
final class LogStreams implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(LogStreams.class);
    private static final int PIECE = 64 << 10;

    private final Function<String, Optional<Path>> logs;
    private final Function<String, Optional<JobReport>> reports;
    private final Sender sender;
    private final Map<String, Thread> open = new ConcurrentHashMap<>();

    /** Where pieces go; waits while there is no room. */
    interface Sender {
        /**
         * @return false when no more can be sent
         */
        boolean send(FromNode message) throws InterruptedException;
    }

    LogStreams(JobRegistry jobs, Sender sender) {
        this(jobs::log, jobs::report, sender);
    }

    /**
     * @param logs where the log of a job lies; empty: the job is not known here
     * @param reports what is known of a job
     */
    LogStreams(Function<String, Optional<Path>> logs, Function<String, Optional<JobReport>> reports, Sender sender) {
        this.logs = logs;
        this.reports = reports;
        this.sender = sender;
    }

    void open(LogRequest request) {
        Thread thread = Thread.ofVirtual().name("log " + request.getJob()).unstarted(() -> serve(request));
        open.put(request.getRequest(), thread);
        thread.start();
    }

    void cancel(String request) {
        Thread thread = open.remove(request);
        if (thread != null) {
            thread.interrupt();
        }
    }

    private void serve(LogRequest request) {
        LogData.Builder last = LogData.newBuilder().setRequest(request.getRequest()).setEnd(true);
        try {
            last.setOffset(copy(request));
        } catch (InterruptedException cancelled) {
            return;
        } catch (IOException | RuntimeException failed) {
            LOG.warn("the log of job {} can't be read", request.getJob(), failed);
            last.setError(Errors.detailOf(failed));
        } finally {
            open.remove(request.getRequest());
        }
        try {
            boolean ignored = sender.send(FromNode.newBuilder().setLogData(last).build());
        } catch (InterruptedException cancelled) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * @return the offset behind the last byte that was sent
     */
    private long copy(LogRequest request) throws IOException, InterruptedException {
        Path log =
                logs.apply(request.getJob())
                        .orElseThrow(() -> new FerryException(ErrorCode.JOB_NOT_FOUND, "This node knows nothing of job " + request.getJob()));
        long offset = request.getOffset();
        long life = life(request.getJob(), 0);
        try (LogGrowth growth = request.getFollow() ? LogGrowth.of(log) : LogGrowth.none()) {
            while (true) {
                // Asked before reading: what is written before the end is seen by the read after it.
                boolean goesOn = request.getFollow() && lives(request.getJob());
                long sent = send(request, log, offset, life);
                offset += sent;
                if (life(request.getJob(), life) != life) {
                    // Its log may have been cut before the offset: whoever reads has to ask where it goes on.
                    return offset;
                }
                if (sent == 0 && !goesOn) {
                    return offset;
                }
                if (sent == 0) {
                    growth.await();
                }
            }
        }
    }

    private long life(String job, long unknown) {
        return reports.apply(job).map(JobReport::getIncarnation).orElse(unknown);
    }

    private boolean lives(String job) {
        return reports.apply(job)
                .map(report -> report.getState() == LocalState.LOCAL_RUNNING || report.getState() == LocalState.LOCAL_FROZEN || report.getState() == LocalState.LOCAL_CREATING)
                .orElse(false);
    }

    /** Sends what there is from an offset, as long as it is of one life: what was read before the next one began is. 0: nothing new. */
    private long send(LogRequest request, Path log, long offset, long life) throws IOException, InterruptedException {
        Optional<FileChannel> opened = Posix.openRegular(log);
        if (opened.isEmpty()) {
            return 0;
        }
        long sent = 0;
        try (FileChannel channel = opened.get()) {
            ByteBuffer piece = ByteBuffer.allocate(PIECE);
            while (channel.read(piece.clear(), offset + sent) > 0 && life(request.getJob(), life) == life) {
                LogData data =
                        LogData.newBuilder().setRequest(request.getRequest()).setOffset(offset + sent).setData(ByteString.copyFrom(piece.flip())).build();
                sent += data.getData().size();
                if (!sender.send(FromNode.newBuilder().setLogData(data).build())) {
                    throw new InterruptedException("the stream is at its end");
                }
            }
        }
        return sent;
    }

    @Override
    public void close() {
        open.values().forEach(Thread::interrupt);
        open.clear();
    }

}
