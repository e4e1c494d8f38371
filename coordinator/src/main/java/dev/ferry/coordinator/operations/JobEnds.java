package dev.ferry.coordinator.operations;

import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.LocalState;

/** What a daemon's word on a life of a job makes of the job, when it is the life that counts. */
public final class JobEnds {
    private JobEnds() {}

    /**
     * Writes down that a job has ended or is lost, if the report says so.
     *
     * @return the job as it is now
     */
    public static Job apply(Transaction state, Job job, JobReport report) {
        boolean live = job.getState() == JobState.RUNNING || job.getState() == JobState.UNREACHABLE || job.getState() == JobState.STARTING || job.getState() == JobState.RESTORING;
        if (!live || report.getIncarnation() != job.getIncarnation()) {
            return job;
        }
        if (report.getState() == LocalState.LOCAL_EXITED) {
            Job.Builder ended = job.toBuilder().setState(JobState.EXITED).setExitStatus(report.getExitStatus()).setEndedAt(report.getSince()).clearReason();
            return state.put(ended.setReason(report.getDetail()).build());
        }
        boolean lost = report.getState() == LocalState.LOCAL_LOST || report.getState() == LocalState.LOCAL_KILLED;
        boolean settled = job.getState() == JobState.RUNNING || job.getState() == JobState.UNREACHABLE;
        if (lost && settled) {
            return state.put(job.toBuilder().setState(JobState.LOST).setReason(report.getDetail().isEmpty() ? "its processes are gone" : report.getDetail()).build());
        }
        return job;
    }
}
