package dev.ferry.node.gpu;

/** What Ferry knows of the driver's result codes (CUresult of cuda.h); the number alone has several causes, so texts come from our own diagnosis. */
final class CudaResult {
    static final int SUCCESS = 0;
    static final int OUT_OF_MEMORY = 2;
    /** From every call: the process holds no CUDA state. */
    static final int NOT_INITIALIZED = 3;
    static final int OPERATING_SYSTEM = 304;
    static final int ILLEGAL_STATE = 401;
    static final int NOT_READY = 600;
    static final int NOT_SUPPORTED = 801;

    private CudaResult() {}

    /** Name and number, for people. */
    static String name(int code) {
        String name =
                switch (code) {
                    case SUCCESS -> "CUDA_SUCCESS";
                    case 1 -> "CUDA_ERROR_INVALID_VALUE";
                    case OUT_OF_MEMORY -> "CUDA_ERROR_OUT_OF_MEMORY";
                    case NOT_INITIALIZED -> "CUDA_ERROR_NOT_INITIALIZED";
                    case 100 -> "CUDA_ERROR_NO_DEVICE";
                    case 101 -> "CUDA_ERROR_INVALID_DEVICE";
                    case OPERATING_SYSTEM -> "CUDA_ERROR_OPERATING_SYSTEM";
                    case ILLEGAL_STATE -> "CUDA_ERROR_ILLEGAL_STATE";
                    case NOT_READY -> "CUDA_ERROR_NOT_READY";
                    case NOT_SUPPORTED -> "CUDA_ERROR_NOT_SUPPORTED";
                    case 999 -> "CUDA_ERROR_UNKNOWN";
                    default -> "CUDA error";
                };
        return name + " (" + code + ")";
    }
}
