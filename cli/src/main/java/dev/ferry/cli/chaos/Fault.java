package dev.ferry.cli.chaos;

import java.util.List;
import java.util.stream.Stream;

/** What is done to a part of the cluster while a migration is under way. */
public enum Fault {
    /** Nothing: what the others are compared with. */
    NONE("nothing", false),
    KILL_COORDINATOR("kill -9 of the coordinator", false),
    KILL_SOURCE("kill -9 of the daemon that the job leaves", false),
    KILL_TARGET("kill -9 of the daemon that the job goes to", false),
    KILL_CRIU("kill -9 of criu, in its dump or its restore", false),
    KILL_WATCHDOG("kill -9 of the source's watchdog", false),
    STOP_COORDINATOR("SIGSTOP of the coordinator", true),
    STOP_SOURCE("SIGSTOP of the daemon that the job leaves", true),
    STOP_TARGET("SIGSTOP of the daemon that the job goes to", true),
    CUT_SOURCE("the source is cut off from all others", true, Store.FOLDER),
    CUT_TARGET("the target is cut off from all others", true, Store.FOLDER),
    /** As the end of a machine: daemon, jobs and disk are gone, and a new machine of the same name comes. */
    LOSE_SOURCE("the source's machine is gone, with its jobs and its disk", false),
    LOSE_TARGET("the target's machine is gone, with its jobs and its disk", false),
    /** As a file server does whose disk has failed, or that is to be moved. */
    STORE_READ_ONLY("the store takes nothing that is written", true, Store.FOLDER),
    /** As when somebody sets it, or a machine that slept asks a time server. */
    CLOCK_COORDINATOR("the coordinator's wall clock jumps, up to hours ahead or back", true),
    CLOCK_SOURCE("the wall clock of the daemon that the job leaves jumps, up to hours ahead or back", true),
    CLOCK_TARGET("the wall clock of the daemon that the job goes to jumps, up to hours ahead or back", true),
    STORE_ERRORS("the store answers each request with an internal error", true, Store.S3),
    STORE_SILENT("the store takes requests and does not answer", true, Store.S3),
    STORE_CUTS("the store resets connections after some bytes", true, Store.S3),
    STORE_TRUNCATES("the store's answers end within what they bring", true, Store.S3);

    /** What must be the store of the cluster. */
    private enum Store {
        ANY,
        FOLDER,
        S3
    }

    private final String meaning;
    private final boolean lasts;
    private final Store store;

    Fault(String meaning, boolean lasts) {
        this(meaning, lasts, Store.ANY);
    }

    Fault(String meaning, boolean lasts, Store store) {
        this.meaning = meaning;
        this.lasts = lasts;
        this.store = store;
    }

    /**
     * Those that can be done to a cluster, in their order.
     *
     * @param s3 whether its store is an S3 server, which its nodes reach without a network of their own that could be cut; else it is a folder
     */
    static List<Fault> of(boolean s3) {
        return Stream.of(values()).filter(fault -> fault.store != (s3 ? Store.FOLDER : Store.S3)).toList();
    }

    /** In words, for the report. */
    String meaning() {
        return meaning;
    }

    /** Whether it goes on for a time and is then taken back. */
    boolean lasts() {
        return lasts;
    }
}
