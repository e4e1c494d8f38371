package dev.ferry.node.gpu;

import java.util.Map;
import java.util.Optional;

/**
 * Which of the driver's errors (Xid) mean that a card is failing: those for which NVIDIA's catalog ("Analyzing Xid Errors", A100 and later) wants the card reset, the machine started anew or the link looked at at once. All others are
 * not: what a program did wrong (13, 31, 32, 43, 45, 68, 69), what the driver's own checks call a program's hang (109), what touched one program only (94), and what the card has mended or only counts (63, 92). What such an error
 * has done to the memory is seen in the count of uncorrected errors all the same.
 */
final class Xids {
    private static final Map<Long, String> FAILURES =
            Map.ofEntries(
                    Map.entry(46L, "the GPU has stopped processing"),
                    Map.entry(48L, "an uncorrectable error of its memory"),
                    Map.entry(62L, "its power management has halted"),
                    Map.entry(64L, "a bad row of its memory could not be put out of use"),
                    Map.entry(74L, "an error of NVLink"),
                    Map.entry(79L, "it has fallen off the bus"),
                    Map.entry(95L, "an error of its memory that was not contained"),
                    Map.entry(110L, "a fault of its security engine"),
                    Map.entry(119L, "its system processor (GSP) does not answer"),
                    Map.entry(120L, "an error of its system processor (GSP)"),
                    Map.entry(136L, "NVLink could not be trained"),
                    Map.entry(140L, "an uncorrectable error of its memory that nothing contained"),
                    Map.entry(143L, "it could not be initialized"));

    private Xids() {}

    /** Why a GPU with this error is failing, for people; empty: it is not. */
    static Optional<String> failure(long xid) {
        return Optional.ofNullable(FAILURES.get(xid)).map(why -> "Xid " + xid + ": " + why);
    }
}
