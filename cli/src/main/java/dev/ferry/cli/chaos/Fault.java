package dev.ferry.cli.chaos;

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
    CUT_SOURCE("the source is cut off from all others", true),
    CUT_TARGET("the target is cut off from all others", true),
    /** As the end of a machine: daemon, jobs and disk are gone, and a new machine of the same name comes. */
    LOSE_SOURCE("the source's machine is gone, with its jobs and its disk", false),
    LOSE_TARGET("the target's machine is gone, with its jobs and its disk", false),
    /** As a file server does whose disk has failed, or that is to be moved. */
    STORE_READ_ONLY("the store takes nothing that is written", true);

    private final String meaning;
    private final boolean lasts;

    Fault(String meaning, boolean lasts) {
        this.meaning = meaning;
        this.lasts = lasts;
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
