package dev.ferry.node.notices;

import dev.ferry.proto.v1.NoticeKind;
import java.time.Duration;
import java.time.Instant;

/**
 * One thing that a source announces.
 *
 * @param event what the source calls it, unique for the source
 * @param confidence how sure it is that it comes true, from 0 to 1
 * @param detail what the source says, for people
 */
record Announcement(String event, NoticeKind kind, Deadline deadline, double confidence, String detail) {
    /** When the machine goes away. */
    sealed interface Deadline {
        /** At a time. */
        record At(Instant time) implements Deadline {}

        /** So long after it was first announced: the source gives no time, its documentation does. */
        record After(Duration notice) implements Deadline {}

        /** Nobody says. */
        record Unknown() implements Deadline {}
    }
}
