package dev.ferry.cli.bench;

/** What was measured, in three forms. */
public interface Results {
    /** For people, in the form that docs/performance.md has. */
    String table();

    String json();

    /** Whether all that was asked for was measured. */
    default boolean isWhole() {
        return true;
    }

    String svg();
}
