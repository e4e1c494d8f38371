package dev.ferry.node.notices;

import java.io.IOException;
import java.time.Duration;
import java.util.List;

/** Somebody who announces that the machine goes away. Each is asked by one thread. */
interface NoticeSource {
    /** Short name that stands in notices: aws-spot, gcp-preempted ... */
    String name();

    /**
     * All that it announces now. May wait for a change by itself.
     *
     * @throws IOException when it does not answer, or answers what nobody understands: then nothing is known
     */
    List<Announcement> look() throws IOException, InterruptedException;

    /** How long until the next look; zero: {@link #look} waits by itself. */
    Duration pause();

    /** After how many looks in a row without it an announcement counts as taken back: one where its absence is said, more where it is only not found. */
    int looksUntilGone();

    /** All that could be done about an event is done. */
    default void settled(String event) throws IOException, InterruptedException {}
}
