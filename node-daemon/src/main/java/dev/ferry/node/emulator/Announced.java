package dev.ferry.node.emulator;

import java.time.Instant;

/**
 * What a metadata server announces about one machine.
 *
 * @param event a name that no other announcement has
 * @param at when it comes true
 * @param begun whether it has come true
 */
record Announced(Kind kind, String event, Instant at, boolean begun) {
    /** What can be announced. */
    enum Kind {
        INTERRUPTION,
        REBALANCE,
        MAINTENANCE
    }
}
