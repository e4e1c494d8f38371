package dev.ferry.cli.output;

import java.util.OptionalInt;

/** What is known of the terminal that standard output goes to. */
public final class Terminal {
    private static volatile boolean wide;

    private Terminal() {}

    /** Whether standard output is a terminal. */
    public static boolean is() {
        return System.console() != null && System.console().isTerminal() && System.getenv("TERM") != null;
    }

    /** Lines are whole however long they are, as they are where no terminal is. */
    public static void setWide(boolean whole) {
        wide = whole;
    }

    /** How many columns a line may have; empty: as many as it likes. The launcher sets COLUMNS. */
    static OptionalInt width() {
        String columns = System.getenv("COLUMNS");
        boolean known = !wide && columns != null && columns.matches("[1-9]\\d{0,4}");
        return known && is() ? OptionalInt.of(Integer.parseInt(columns)) : OptionalInt.empty();
    }
}
