package dev.ferry.coordinator.operations;

/** What may end or fall silent while a step is open, and when: the columns of the table in docs/operations.md. */
public enum Crash {
    /** The step is open in the store, and nothing has been done for it. */
    COORDINATOR_AT_BEGIN("coordinator ends: the step is written as open, nothing is done for it"),
    /** What the step was for is done; its end is not written. */
    COORDINATOR_BEFORE_WRITE("coordinator ends: the step is done, its end is not written"),
    /** The order has reached the daemon, which has written nothing down. */
    DAEMON_BEFORE("daemon ends: it has the order, and has written nothing"),
    /** The order is open in the journal; of a dump, the job stands still and its image is not whole. */
    DAEMON_MIDDLE("daemon ends: in the middle"),
    /** All is done, and the journal says that it is not. */
    DAEMON_BEFORE_WRITE("daemon ends: it has done it, and not written so"),
    /** The result is in the journal, and nobody has heard it. */
    DAEMON_UNHEARD("daemon ends: its journal has the result, nobody has heard it"),
    /** The node of the step is silent until its lease has ended. */
    NODE_LEASE_OVER("node lost: its lease has ended"),
    /** Somebody who has looked says that nothing runs on the node of the step any more. */
    NODE_DECLARED_DEAD("node lost: declared dead"),
    /** The daemon keeps its lease and does not answer the order within the step's deadline; it does so later. */
    SILENCE("the deadline passes in silence");

    private final String when;

    Crash(String when) {
        this.when = when;
    }

    /** What happens, for people. */
    public String when() {
        return when;
    }

    boolean isOfTheCoordinator() {
        return this == COORDINATOR_AT_BEGIN || this == COORDINATOR_BEFORE_WRITE;
    }
}
