package dev.ferry.coordinator.operations;

/** The steps that operations are made of. */
public enum StepName {
    /** Finds a node with room for a job that has never run; waits while there is none. */
    PLACE("the coordinator", "finds a node that has room; waits while there is none"),
    /** Finds and reserves the node that a saved job goes to. */
    RESERVE("the coordinator", "finds and reserves a node that has room and what the image needs"),
    /** Asks the target for what facts don't tell: mount sources, root file system. */
    CHECK("the target", "says whether it has the mounts and files that the job needs from outside; changes nothing"),
    /** The first start. */
    START("the target", "makes the sandbox and starts the command"),
    /** Rounds of copying the memory of the running job. */
    PRE_COPY("the source", "copies the job's memory into the store, again and again while the job runs, until the rest no longer shrinks"),
    /** Brings what was copied near the target. */
    PREFETCH("the target", "fetches what was copied into its cache while the job runs"),
    /** What changed while the target fetched. */
    CATCH_UP("the source", "copies what changed meanwhile, while the job runs"),
    /** Makes the memory that the job will have. */
    FILL("the target", "fills memory with what was copied, which its restore takes, while the job runs"),
    /** Freeze and save; the job stays frozen when it shall not go on here. */
    DUMP("the source", "freezes the job, saves it, and sends the image to the store"),
    /** The conditional write that decides: before it the job belongs to its old place, after it never again. */
    COMMIT("the coordinator", "records the image and, where the job moves, its next life: the point of no return"),
    /** Ends what is left at the old place; its receipt is the proof that the next life may begin. */
    KILL("the source", "kills the frozen processes; the receipt allows the next life, and the job's folders are removed after it"),
    /** Undoes a freeze. */
    THAW("the source", "lets the job run on where it is"),
    /** Brings the job back from its image. */
    RESTORE("the target", "brings the job back from the image"),
    /** Chooses another node after a restore that failed. */
    FALL_BACK("the coordinator", "chooses another node, the source among them, and a further life"),
    /** Takes the GPU state into main memory and freezes the job: from here on its GPUs are free for others. */
    PARK("the source", "takes the job's GPU state into main memory and freezes it; its GPUs are free for the next job at once"),
    /** Finds GPUs for a parked job. */
    CLAIM("the coordinator", "reserves GPUs on the job's node, those it had where they are free"),
    /** Brings the GPU state of a parked job back. */
    UNPARK("the target", "thaws the job and brings its GPU state back from main memory");

    private final String actor;
    private final String does;

    StepName(String actor, String does) {
        this.actor = actor;
        this.does = does;
    }

    /** Who does it, for people. */
    public String actor() {
        return actor;
    }

    /** What it does, for people. */
    public String does() {
        return does;
    }
}
