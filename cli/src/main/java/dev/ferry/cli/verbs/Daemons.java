package dev.ferry.cli.verbs;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Runs a part in the foreground until the process is asked to end. */
final class Daemons {
    private static final long ORDERLY_SECONDS = 20;

    private Daemons() {}

    interface Start<T> {
        T run() throws Exception;
    }

    interface Ready<T> {
        /** Waits until the part is ready and says what to print then. */
        String await(T part) throws Exception;
    }

    static <T extends AutoCloseable> void run(Start<T> start, Ready<T> ready) throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch ended = new CountDownLatch(1);
        Thread main = Thread.currentThread();
        Runtime.getRuntime()
                .addShutdownHook(
                        new Thread(
                                () -> {
                                    asked.countDown();
                                    main.interrupt();
                                    try {
                                        boolean ignored = ended.await(ORDERLY_SECONDS, TimeUnit.SECONDS);
                                    } catch (InterruptedException impatient) {
                                        Thread.currentThread().interrupt();
                                    }
                                }));
        try (T part = start.run()) {
            String line = ready.await(part);
            System.out.println(line);
            System.out.flush();
            asked.await();
        } catch (InterruptedException end) {
            if (asked.getCount() > 0) {
                throw end;
            }
        } finally {
            ended.countDown();
        }
    }
}
