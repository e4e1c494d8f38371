package dev.ferry.node.jobs;

import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.JobJournal;
import java.util.List;
import java.util.Optional;

/**
 * The results of one job's orders, in its journal until the coordinator has acknowledged them. An order has one result at most, and it is here before it is said: so an order that comes
 * again is answered by it instead of being done again.
 *
 * <p>Has no state of its own and is as safe for threads as the journal: {@link #add} is called by the job's queue, all else by who has the link too.
 */
final class OrderResults {
    /** Of more the oldest go. */
    private static final int MOST = 64;

    private final LocalJob job;

    OrderResults(LocalJob job) {
        this.job = job;
    }

    /** The result of an order; empty when there is none yet, or it was acknowledged. */
    Optional<CommandResult> of(String command) {
        return job.record().getResultsList().stream().filter(result -> result.getId().equals(command)).findFirst();
    }

    List<CommandResult> unacknowledged() {
        return job.record().getResultsList();
    }

    /** The coordinator has heard the result of an order, of this job or of another one. What can't be written down is acknowledged again at the next Hello. */
    void acknowledged(String command) {
        if (of(command).isPresent()) {
            job.changeInFreeRoom(record -> remove(record, command));
        }
    }

    /** Writes a result down; its order is no longer open from the same moment on. */
    void add(CommandResult whole) {
        job.change(
                record -> {
                    remove(record, whole.getId());
                    if (record.getOpenCommand().getId().equals(whole.getId())) {
                        record.clearOpenCommand();
                    }
                    record.addResults(whole);
                    if (record.getResultsCount() > MOST) {
                        record.removeResults(0);
                    }
                });
    }

    private static void remove(JobJournal.Builder record, String command) {
        List<CommandResult> kept = record.getResultsList().stream().filter(result -> !result.getId().equals(command)).toList();
        record.clearResults().addAllResults(kept);
    }
}
