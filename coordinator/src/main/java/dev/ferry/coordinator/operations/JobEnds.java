package dev.ferry.coordinator.operations;

import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.LocalState;
import org.jspecify.annotations.Nullable;

/** What a daemon's word on a life of a job makes of the job, when it is the life that counts. */
public final class JobEnds {
    private JobEnds() {}

    /**
     * Writes down that a job has ended or is lost, if the report says so.
     *
     * @return the job as it is now
     */
    public static Job apply(Transaction state, Job job, JobReport report) {
        boolean live = job.getState() == JobState.RUNNING || job.getState() == JobState.PARKED || job.getState() == JobState.UNREACHABLE || job.getState() == JobState.STARTING || job.getState() == JobState.RESTORING;
        if (!live || report.getIncarnation() != job.getIncarnation()) {
            return job;
        }
        if (report.getState() == LocalState.LOCAL_EXITED) {
            Job.Builder ended = job.toBuilder().setState(JobState.EXITED).setExitStatus(report.getExitStatus()).setEndedAt(report.getSince());
            ended.setProof(Proofs.receipt(state, job.getNode(), job.getIncarnation(), "it ended by itself"));
            return state.put(ended.setReason(report.getDetail()).build());
        }
        // A life that began and is gone is lost, even if its begin has not been recorded yet. One that was killed while it was made is the step's own failure.
        boolean settled = job.getState() == JobState.RUNNING || job.getState() == JobState.PARKED || job.getState() == JobState.UNREACHABLE;
        boolean lost = report.getState() == LocalState.LOCAL_LOST || (report.getState() == LocalState.LOCAL_KILLED && settled);
        if (lost) {
            return lost(state, job, report.getDetail().isEmpty() ? "its processes are gone" : report.getDetail());
        }
        return job;
    }

    /**
     * Whether the daemon of a job's node has nothing of the life that should be there, or of an earlier one: of none at all, or, as with an old
     * journal, only of an earlier one that is over. One that still has processes, because they could not be killed, is no receipt.
     *
     * @param report what the daemon says of the job; null: nothing
     */
    public static boolean isUnknown(@Nullable JobReport report, Job job) {
        return report == null || (report.getIncarnation() < job.getIncarnation() && isOver(report));
    }

    private static boolean isOver(JobReport report) {
        return report.getState() == LocalState.LOCAL_EXITED || report.getState() == LocalState.LOCAL_LOST || report.getState() == LocalState.LOCAL_KILLED;
    }

    /** Its daemon's word that nothing is left of a life. */
    public static Job lost(Transaction state, Job job, String why) {
        return state.put(job.toBuilder().setState(JobState.LOST).setReason(why).setProof(Proofs.receipt(state, job.getNode(), job.getIncarnation(), why)).build());
    }
}
