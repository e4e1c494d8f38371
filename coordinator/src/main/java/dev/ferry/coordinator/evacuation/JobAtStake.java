package dev.ferry.coordinator.evacuation;

import java.time.Duration;
import java.util.Optional;

/**
 * A job on a machine that goes away.
 *
 * @param weight what one second of its work is worth, in CPU seconds
 * @param unsaved how long it has worked since its last image, or since its start when it has none
 * @param image its last image
 * @param scanBytes how much a dump reads
 * @param sendBytes how much of that is not in the store yet, so that it goes over the link
 * @param room whether another node can take it now
 * @param obstacle why no image of it can be made now; empty: one can
 * @param underWay for how long an operation has been at work that takes it away; empty: there is none
 * @param turn whether others go first, however much it is worth
 */
record JobAtStake(
        String job, double weight, Duration unsaved, Optional<String> image, long scanBytes, long sendBytes, boolean room, Optional<String> obstacle, Optional<Duration> underWay, Turn turn) {
    /** By how tries to save it have ended; later ones go behind. */
    enum Turn {
        NOW,
        /** It failed as often as one that has no hope: it is tried where nobody else waits. */
        BEHIND_OTHERS,
        /** The last try has only just failed. */
        NOT_YET
    }

    JobAtStake(String job, double weight, Duration unsaved, Optional<String> image, long scanBytes, long sendBytes, boolean room, Optional<String> obstacle, Optional<Duration> underWay) {
        this(job, weight, unsaved, image, scanBytes, sendBytes, room, obstacle, underWay, Turn.NOW);
    }

    /** What is lost when it is not saved, in CPU seconds. */
    double worth() {
        return weight * unsaved.toMillis() / 1000.0;
    }
}
