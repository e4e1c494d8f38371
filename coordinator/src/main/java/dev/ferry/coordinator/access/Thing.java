package dev.ferry.coordinator.access;

/** What a field of a request names; whoever does not see all may name only what belongs to his own jobs. */
public enum Thing {
    /** Nothing that belongs to anybody. */
    NONE,
    JOB,
    IMAGE,
    OPERATION,
    /** An image, or a job whose latest image is meant. */
    JOB_OR_IMAGE
}
