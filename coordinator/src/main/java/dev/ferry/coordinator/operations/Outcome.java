package dev.ferry.coordinator.operations;

import dev.ferry.proto.v1.ErrorDetail;
import java.util.Optional;

/**
 * How a step ended.
 *
 * @param error why it failed; empty: it succeeded
 * @param note what was decided or found, for people
 * @param waits true: it can't be done now and is tried again after the next change
 */
record Outcome(Optional<ErrorDetail> error, String note, boolean waits) {
    static Outcome done(String note) {
        return new Outcome(Optional.empty(), note, false);
    }

    static Outcome failed(ErrorDetail error) {
        return new Outcome(Optional.of(error), "", false);
    }

    static Outcome waitFor(String reason) {
        return new Outcome(Optional.empty(), reason, true);
    }

    boolean succeeded() {
        return error.isEmpty();
    }
}
