package dev.ferry.node.gpu;

/** States of a process that holds CUDA state (CUprocessState of cuda.h, with those that driver 615 added). */
public enum CudaState {
    RUNNING,
    /** Its calls wait; what it gave to the GPU is done. */
    LOCKED,
    /** Its device memory is in its own memory, and the GPU is free. */
    CHECKPOINTED,
    /** For good: only killing the process helps. */
    FAILED,
    CHECKPOINTING,
    RESTORING,
    /** A state that this Ferry does not know. */
    UNKNOWN;

    static CudaState of(int value) {
        return value >= 0 && value < UNKNOWN.ordinal() ? values()[value] : UNKNOWN;
    }
}
