package dev.ferry.node.criu;

import dev.ferry.node.posix.DescriptorSocket;
import dev.ferry.node.posix.Posix;
import dev.ferry.node.posix.PosixException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Our side of one run of criu with --stream: listens, takes one connection, and hands each pipe that
 * CRIU sends to a thread of its own. Errors are never in band: a pipe that is closed early makes CRIU
 * fail. The first error is kept, because it is the cause of all that follow.
 */
abstract class StreamerSession implements AutoCloseable {
    private static final Duration LOOK = Duration.ofMillis(200);

    private final DescriptorSocket listener;
    private final Path socketFile;
    private final Thread conversation;
    private final List<Thread> carriers = new ArrayList<>();
    private final List<String> names = new ArrayList<>();
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    /** Descriptors that carriers use. */
    private final Set<Integer> pipes = new HashSet<>();
    /** One that nobody carries yet; of the conversation alone. */
    private int received = -1;
    private volatile boolean stopped;
    private volatile boolean aborted;
    private volatile @Nullable DescriptorSocket connection;

    StreamerSession(Path socketFile, String threadName) throws IOException {
        this.socketFile = socketFile;
        Files.deleteIfExists(socketFile);
        listener = DescriptorSocket.listen(socketFile);
        // Platform threads: reads and writes of pipes block in native code.
        conversation = Thread.ofPlatform().daemon().name(threadName).unstarted(this::converse);
    }

    void start() {
        conversation.start();
    }

    /** One request, up to the point where its pipe is with a thread or answered as missing. */
    abstract void handle(DescriptorSocket socket, String name) throws IOException;

    private void converse() {
        try (listener) {
            DescriptorSocket socket = null;
            while (socket == null && !stopped) {
                socket = listener.accept(LOOK);
            }
            if (socket == null) {
                return;
            }
            connection = socket;
            try (DescriptorSocket open = socket) {
                String name;
                // abort() looks for the connection only after it has said so: one of both sees the other.
                while (!aborted && (name = StreamerProtocol.readRequest(open)) != null) {
                    names.add(name);
                    handle(open, name);
                }
            }
        } catch (IOException | RuntimeException | Error failed) {
            fail(failed);
            giveUpReceived();
        }
    }

    /** The pipe that belongs to the request; until {@link #carry} has it, it is closed when the request fails: criu, which waits at it, fails then too. */
    int receive(DescriptorSocket socket) throws PosixException {
        received = socket.receiveDescriptor();
        return received;
    }

    private void giveUpReceived() {
        if (received >= 0) {
            Posix.close(received);
            received = -1;
        }
    }

    /** Work with a pipe's descriptor, which is closed afterwards. */
    interface Carrier {
        void carry(int descriptor) throws Exception;
    }

    void carry(int descriptor, String name, Carrier carrier) {
        synchronized (pipes) {
            if (aborted) {
                giveUpReceived();
                return;
            }
            pipes.add(descriptor);
        }
        Thread thread =
                Thread.ofPlatform()
                        .daemon()
                        .name("criu " + name)
                        .unstarted(
                                () -> {
                                    try {
                                        carrier.carry(descriptor);
                                    } catch (InterruptedException interrupted) {
                                        fail(new IOException("interrupted while " + name + " was carried"));
                                    } catch (Exception | Error failed) {
                                        fail(failed);
                                    } finally {
                                        synchronized (pipes) {
                                            pipes.remove(descriptor);
                                            Posix.close(descriptor);
                                        }
                                    }
                                });
        try {
            thread.start();
        } catch (Error noThread) {
            synchronized (pipes) {
                pipes.remove(descriptor);
            }
            throw noThread;
        }
        received = -1;
        carriers.add(thread);
    }

    /**
     * Hangs up and gives up every pipe, as our death would: criu fails at its next request or write, and undoes what it has done.
     * A carrier sees the end of its pipe, even while it waits for a buffer.
     */
    void abort() {
        stopped = true;
        synchronized (pipes) {
            aborted = true;
            for (int pipe : pipes) {
                try {
                    Posix.empty(pipe);
                } catch (PosixException failed) {
                    fail(failed);
                }
            }
        }
        DescriptorSocket open = connection;
        if (open != null) {
            open.shutdown();
        }
    }

    void fail(Throwable cause) {
        failure.compareAndSet(null, cause);
    }

    /** What went wrong on our side first, if anything. */
    @Nullable Throwable failure() {
        return failure.get();
    }

    /**
     * After criu has ended: waits until every pipe is at its end.
     *
     * @return the files in the order of CRIU's requests
     */
    List<String> finish(Duration atMost) throws InterruptedException, IOException {
        stopped = true;
        long end = System.nanoTime() + atMost.toNanos();
        join(conversation, end);
        for (Thread carrier : List.copyOf(carriers)) {
            join(carrier, end);
        }
        return List.copyOf(names);
    }

    private static void join(Thread thread, long end) throws InterruptedException, IOException {
        long left = Math.max(1, (end - System.nanoTime()) / 1_000_000);
        if (!thread.join(Duration.ofMillis(left))) {
            throw new IOException("thread '" + thread.getName() + "' did not end within its deadline");
        }
    }

    /** Stops listening; pipes end when criu, which is dead by now, no longer holds them. */
    @Override
    public void close() throws IOException {
        stopped = true;
        DescriptorSocket open = connection;
        if (open != null) {
            open.shutdown();
        }
        if (conversation.getState() == Thread.State.NEW) {
            listener.close();
        }
        Files.deleteIfExists(socketFile);
    }
}
