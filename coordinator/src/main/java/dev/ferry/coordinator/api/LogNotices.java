package dev.ferry.coordinator.api;

import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.LogChunk;

/** What one reader of a log is told beside it; the same thing once, until there is more of the log. */
final class LogNotices {
    private final LogReader.Sink sink;
    private String last = "";

    LogNotices(LogReader.Sink sink) {
        this.sink = sink;
    }

    /**
     * @param offset of what comes next
     */
    void tell(Job job, long offset, String notice) throws InterruptedException {
        if (!notice.equals(last)) {
            last = notice;
            // One that has gone is seen by whoever reads for him.
            boolean ignored = sink.take(LogChunk.newBuilder().setOffset(offset).setNotice(notice).setIncarnation(job.getIncarnation()).build());
        }
    }

    void more() {
        last = "";
    }
}
