package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobJournal;
import dev.ferry.proto.v1.LocalState;
import java.io.IOException;

/** What each kind of order is: what it makes of a job's record, what is done, how its failure is called. When it is done, and how often, is {@link OrderRunner}'s business. */
final class OrderActs {
    private OrderActs() {}

    /** An order begins: what the record says from before its first act on. */
    static void open(JobJournal.Builder record, Command command) {
        record.setOpenCommand(command);
        record.setIncarnation(command.getIncarnation());
        record.setHighestIncarnation(Math.max(record.getHighestIncarnation(), command.getIncarnation()));
        switch (command.getActionCase()) {
            case START -> creating(record.setSpec(command.getStart().getSpec()));
            case RESTORE -> creating(record.setSpec(command.getRestore().getSpec()));
            case DUMP, THAW, KILL, SIGNAL, FORGET, CHECK, PARK, UNPARK, ESTIMATE, PRE_COPY, PREFETCH, FILL, TRY_RESTORE, ACTION_NOT_SET -> {}
        }
    }

    /** Whether it needs more room on the disk than its record: on a full one it fails anyway, and what is kept there is for others. */
    static boolean needsRoom(Command command) {
        return command.hasStart() || command.hasRestore() || command.hasDump() || command.hasPreCopy();
    }

    private static void creating(JobJournal.Builder record) {
        record.setState(LocalState.LOCAL_CREATING).setSince(System.currentTimeMillis());
        record.clearPid().clearStartTime().clearBootId().clearExitStatus().clearDetail().clearDiscarded().clearHeld().clearFrozenImage();
    }

    /**
     * Does what is ordered.
     *
     * @param result gets what the order brings besides being done
     */
    static void act(LocalJob job, Command command, Phases phases, CommandResult.Builder result) throws Exception {
        switch (command.getActionCase()) {
            case START -> StartAction.run(job, command, phases);
            case DUMP -> new DumpAction(job, command, phases).run(result);
            case THAW -> EndActions.thaw(job, command, phases);
            case KILL -> EndActions.kill(job, command, phases);
            case RESTORE -> new RestoreAction(job, command, phases).run();
            case SIGNAL -> signal(job, command);
            case FORGET -> EndActions.forget(job);
            case PARK -> ParkActions.park(job, command, phases, result);
            case UNPARK -> ParkActions.unpark(job, command, phases);
            case PRE_COPY -> new PreCopyAction(job, command, phases).run();
            case CHECK, ESTIMATE, PREFETCH, FILL, TRY_RESTORE, ACTION_NOT_SET -> throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Command " + command.getId() + " says nothing to do, or something this Ferry does not know");
        }
    }

    private static void signal(LocalJob job, Command command) throws IOException {
        JobProcess process = job.process().orElse(null);
        if (process == null || !process.isAlive()) {
            throw new FerryException(ErrorCode.WRONG_STATE, "Job " + job.id() + " does not run on node " + job.context().node());
        }
        process.signal(command.getSignal().getSignal());
    }

    /** The code of a failure that has none of its own. */
    static ErrorCode fallback(Command command) {
        return switch (command.getActionCase()) {
            case START -> ErrorCode.START_FAILED;
            case DUMP -> ErrorCode.DUMP_FAILED;
            case RESTORE -> ErrorCode.RESTORE_FAILED;
            case PARK -> ErrorCode.GPU_SAVE_FAILED;
            case UNPARK -> ErrorCode.GPU_RESTORE_FAILED;
            case THAW, KILL, SIGNAL, FORGET, CHECK, ESTIMATE, PRE_COPY, PREFETCH, FILL, TRY_RESTORE, ACTION_NOT_SET -> ErrorCode.INTERNAL;
        };
    }
}
