package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobJournal;
import dev.ferry.proto.v1.LocalState;

/** Which orders a node refuses: those for an earlier life than one it has seen, and those that don't fit the state. */
final class Fence {
    private Fence() {}

    /**
     * @throws FerryException STALE_INCARNATION or WRONG_STATE; nothing was done then
     */
    static void check(LocalJob job, Command command) throws java.io.IOException {
        JobJournal record = job.record();
        if (command.getIncarnation() < record.getHighestIncarnation()) {
            // To kill what is here is never wrong when what is here is as old as the order.
            boolean killsOld = command.hasKill() && record.getIncarnation() <= command.getIncarnation();
            if (!killsOld) {
                throw new FerryException(
                        ErrorCode.STALE_INCARNATION,
                        "Job " + job.id() + " is in life " + record.getHighestIncarnation() + " on node " + job.context().node() + "; an order for life " + command.getIncarnation() + " is refused");
            }
        }
        switch (command.getActionCase()) {
            case START, RESTORE -> {
                if (job.isAlive()) {
                    throw new FerryException(ErrorCode.WRONG_STATE, "Life " + record.getIncarnation() + " of job " + job.id() + " is still here, " + record.getState());
                }
            }
            case FORGET -> {
                // Before the order is written down: what lives here keeps its own life's number.
                if (job.isAlive()) {
                    throw new FerryException(ErrorCode.WRONG_STATE, "Life " + record.getIncarnation() + " of job " + job.id() + " still runs here and can't be forgotten");
                }
            }
            case DUMP -> require(job, command, LocalState.LOCAL_RUNNING, LocalState.LOCAL_PARKED);
            case PARK, PRE_COPY -> require(job, command, LocalState.LOCAL_RUNNING);
            case UNPARK -> require(job, command, LocalState.LOCAL_PARKED);
            case THAW -> require(job, command, LocalState.LOCAL_FROZEN, LocalState.LOCAL_RUNNING, LocalState.LOCAL_PARKED);
            case KILL, SIGNAL, CHECK, ESTIMATE, PREFETCH, FILL, TRY_RESTORE, ACTION_NOT_SET -> {}
        }
    }

    private static void require(LocalJob job, Command command, LocalState... states) {
        JobJournal record = job.record();
        if (record.getIncarnation() == command.getIncarnation()) {
            for (LocalState state : states) {
                if (record.getState() == state) {
                    return;
                }
            }
        }
        String status = record.hasExitStatus() ? " with status " + record.getExitStatus() : "";
        throw new FerryException(
                ErrorCode.WRONG_STATE,
                "Life " + command.getIncarnation() + " of job " + job.id() + " is not in a state for this on node " + job.context().node() + ": life " + record.getIncarnation() + " is " + record.getState() + status);
    }
}
