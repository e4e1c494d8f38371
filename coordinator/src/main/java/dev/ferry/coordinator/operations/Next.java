package dev.ferry.coordinator.operations;

import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.Operation;
import java.time.Duration;
import java.util.Optional;

/** What is to be done for an operation after an event was written down. */
sealed interface Next {
    /**
     * A node has to do the open step; ordering it again changes nothing.
     *
     * @param patience how long its answer is awaited; empty: for ever
     */
    record Order(String node, Command command, Optional<Duration> patience) implements Next {}

    /** Another event follows at once, in a transaction of its own. */
    record Go(Event event) implements Next {}

    /** The open step waits for a change in the cluster. */
    record Wait() implements Next {}

    /** The operation has ended: with this event or before it. A commit whose answer was lost makes the one look like the other. */
    record Ended(Operation operation) implements Next {}

    /** The event is of a step that is over. */
    record Nothing() implements Next {}
}
