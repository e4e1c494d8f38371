package dev.ferry.chaos.simulation;

/** An invariant does not hold. An Error, so that nothing of the product takes it for a failure of its own. */
final class Violation extends AssertionError {
    private static final long serialVersionUID = 1;

    private final Invariant invariant;

    Violation(Invariant invariant, String what) {
        super(invariant + ": " + what);
        this.invariant = invariant;
    }

    Invariant invariant() {
        return invariant;
    }
}
