package dev.ferry.chaos.simulation;

import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.JobJournal;

/** The moments of a world at which something may end, fail or stand still: by chance as {@link Faults} say, or as a double wants it. */
abstract class Moments {
    private static final double TOO_FAST_TO_COPY = 0.1;

    abstract Faults faults();

    /** The clock that daemon and watchdog count the lease on. */
    long leaseClock(SimMachine machine) {
        return machine.nanos();
    }

    /** CRIU has taken all of a job; the image is not yet in the store. */
    void afterCapture(SimNode.Copy copy) {}

    /** A coordinator is about to write. */
    void beforeCommit(SimProcess process, MemoryTransaction transaction) {
        faults().maybeCrash(process, "before a commit");
    }

    /** A coordinator has written; nobody in it knows. */
    void afterCommit(SimProcess process) {
        faults().maybeCrash(process, "after a commit");
    }

    /** A daemon has written a job's journal. */
    void journalWritten(SimDaemon daemon, JobJournal journal) {
        faults().maybeCrash(daemon.process(), "after a journal's write");
    }

    /** A daemon has an order, and has written nothing; false: it does not come to look at it. */
    boolean ordered(SimDaemon daemon, Command command) {
        return true;
    }

    /** How long nothing happens before an order is done, in nanoseconds. */
    long hangs(Command command) {
        return 0;
    }

    /** Whether an order fails, with nothing of it left. */
    boolean fails(Command command) {
        return false;
    }

    /** An order is in the middle of being done. */
    void begun(SimDaemon daemon, Command command) {}

    /** All of an order is done, and nothing is written down. */
    void did(SimDaemon daemon, Command command) {}

    /** How often a job writes faster than it can be copied. */
    double tooFastToCopy() {
        return TOO_FAST_TO_COPY;
    }
}
