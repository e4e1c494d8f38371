package dev.ferry.cli.verbs;

import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.time.Duration;
import java.util.Optional;

/** Times after which something ends. */
final class Times {
    /** What a user writes for no limit. */
    static final String NONE = "none";

    private static final Duration LONGEST = Duration.ofDays(3650);

    private Times() {}

    /**
     * How long something is waited for; empty: for ever.
     *
     * @param option that the text stands behind, for the error
     * @throws FerryException INVALID_ARGUMENT also for a time that is longer than ten years
     */
    static Optional<Duration> atMost(String option, String text) {
        if (text.isEmpty()) {
            return Optional.empty();
        }
        Duration time = Durations.parse(text);
        if (time.compareTo(LONGEST) > 0) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, option + " " + text + " is longer than " + LONGEST.toDays() + "d; leave it away to wait for ever");
        }
        return Optional.of(time);
    }

    /**
     * A limit in whole seconds, at least one; 0: there is none.
     *
     * @param option that the text stands behind, for the error
     * @param text a time, 'none', or nothing
     * @throws FerryException INVALID_ARGUMENT also for a time of 0: it may be meant as no limit, and would be one that is over
     */
    static long limitSeconds(String option, String text) {
        if (text.isEmpty() || text.equals(NONE)) {
            return 0;
        }
        Duration time = Durations.parse(text);
        if (time.isZero()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, option + " " + text + " would be over at once; write '" + NONE + "' for no limit");
        }
        return Math.max(1, time.toSeconds());
    }
}
