package dev.ferry.scheduling.simulate;

/** Why a job waits though its account is due the room for it. */
public enum UnmetCause {
    NO_PREEMPTION("nobody is preempted under this policy"),
    DELAY("it has not waited for the delay"),
    HYSTERESIS("its account lacks less than the hysteresis"),
    KEPT("there is room, which is kept for a job before it"),
    NOT_WORTH("making room costs more than it gives"),
    BUDGET("the budget of the hour is spent"),
    MINIMUM_RUN("those that could go have not run for the minimum time"),
    SPACING("those that could go were hit a short time ago"),
    NEARLY_DONE("those that could go will have ended before they could be back"),
    PIECES("free room and what accounts hold above their dues would be enough, but not on enough single nodes"),
    WHOLE_JOBS("accounts hold enough above their dues, but in jobs that are larger than that"),
    TOO_LITTLE("too little is free or held above dues"),
    NEXT("room is made for it at the next look");

    private final String words;

    UnmetCause(String words) {
        this.words = words;
    }

    /** For people. */
    public String words() {
        return words;
    }
}
