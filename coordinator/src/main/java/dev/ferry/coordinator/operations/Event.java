package dev.ferry.coordinator.operations;

import dev.ferry.proto.v1.CommandResult;
import java.time.Duration;

/** What an operation is told. Each may come twice, late, or when the operation has long gone on: then it changes nothing. */
sealed interface Event {
    /** Look where it stands: at its begin, after a restart, or because a step that waits may find what it waits for. */
    record Look() implements Event {}

    /** A node's answer to the order of a step. */
    record Answer(String node, CommandResult result) implements Event {}

    /** The node of a step has not answered its order in time. */
    record Silence(String command, Duration waited) implements Event {}

    /** The record of a node has changed: what was ordered from it may be known never to be done. */
    record NodeChanged(String node) implements Event {}
}
