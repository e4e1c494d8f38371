package dev.ferry.node.gpu;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** One call on each of several processes at the same time. */
final class Together {
    private Together() {}

    /** What is called for one. */
    interface Ask<T> {
        T of(CudaProcess one) throws IOException, InterruptedException;
    }

    /** Begins all calls. Each result is to be fetched, in the order of the processes, by {@link #result}. */
    static <T> Map<CudaProcess, FutureTask<T>> ask(List<CudaProcess> all, Ask<T> ask) {
        Map<CudaProcess, FutureTask<T>> asked = new LinkedHashMap<>();
        for (CudaProcess one : all) {
            FutureTask<T> task = new FutureTask<>(() -> ask.of(one));
            asked.put(one, task);
            Thread unused = Thread.ofVirtual().start(task);
        }
        return asked;
    }

    /** Waits for a call, and throws what it threw. */
    static <T> T result(FutureTask<T> task) throws IOException, InterruptedException {
        try {
            return task.get();
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof IOException broken) {
                throw broken;
            }
            if (failed.getCause() instanceof RuntimeException known) {
                throw known;
            }
            if (failed.getCause() instanceof InterruptedException interrupted) {
                throw interrupted;
            }
            throw new IllegalStateException(failed);
        }
    }
}
