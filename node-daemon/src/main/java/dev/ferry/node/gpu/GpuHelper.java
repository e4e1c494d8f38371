package dev.ferry.node.gpu;

import dev.ferry.common.FerryException;
import dev.ferry.common.PrivateFolder;
import dev.ferry.node.sandbox.NativeHelper;
import dev.ferry.proto.v1.ErrorCode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connection to ferry-gpu, the process that makes the driver's calls. It is found running or started, and never ended by us: it
 * outlives this daemon. Thread-safe; any number of requests may be open at once. See ferry-gpu.c for the protocol.
 */
public final class GpuHelper implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(GpuHelper.class);
    private static final Duration START = Duration.ofSeconds(10);
    private static final Duration END = Duration.ofSeconds(5);
    private static final long LOOK_NANOS = 2_000_000;
    private static final int LINGER_SECONDS = 60;
    private static final String SOCKET = "socket";
    /** Exit status of a helper that found another one in its folder. */
    private static final int TAKEN = 3;
    private static final long TAKEN_NANOS = 50_000_000;

    private final Path folder;
    private final GpuConfig config;
    private final AtomicLong next = new AtomicLong();
    private final Map<String, Waiting> waiting = new ConcurrentHashMap<>();
    private final String name = Long.toHexString(System.nanoTime());
    private @Nullable SocketChannel channel;

    /**
     * @param folder for the helper's program, socket and journal; its path is short enough for a socket's name (98 bytes)
     */
    public GpuHelper(Path folder, GpuConfig config) {
        this.folder = folder;
        this.config = config;
    }

    /** A request and the connection that its answer comes on. */
    private record Waiting(SocketChannel on, CompletableFuture<HelperWords> answer) {}

    /** The helper is gone, and with it the answer: what the call did is not known. */
    static final class Gone extends IOException {
        private static final long serialVersionUID = 1;

        Gone(String why) {
            super(why);
        }
    }

    /** No answer came in time: the call is still in flight, and the helper is left alone. */
    static final class Late extends IOException {
        private static final long serialVersionUID = 1;

        Late(String what) {
            super(what);
        }
    }

    /**
     * Makes one request and waits for its answer.
     *
     * @throws Late when none came in time
     * @throws Gone when the helper ended before it answered
     * @throws FerryException GPU_UNAVAILABLE when no helper can be reached or started
     */
    HelperWords ask(String request, Duration atMost) throws IOException, InterruptedException {
        String id = name + "-" + next.incrementAndGet();
        CompletableFuture<HelperWords> answer = new CompletableFuture<>();
        SocketChannel to = connected();
        waiting.put(id, new Waiting(to, answer));
        try {
            send(to, id + " " + request + "\n");
            return answer.get(Math.max(1, atMost.toMillis()), TimeUnit.MILLISECONDS);
        } catch (TimeoutException late) {
            throw new Late("no answer to '" + request + "' within " + atMost.toMillis() + " ms");
        } catch (ExecutionException gone) {
            throw new Gone(gone.getCause() == null ? "the helper ended" : String.valueOf(gone.getCause().getMessage()));
        } finally {
            waiting.remove(id);
        }
    }

    private synchronized void send(SocketChannel to, String line) throws Gone {
        ByteBuffer bytes = ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8));
        try {
            while (bytes.hasRemaining()) {
                int ignored = to.write(bytes);
            }
        } catch (IOException broken) {
            throw new Gone("the helper can't be reached: " + broken.getMessage());
        }
    }

    private synchronized SocketChannel connected() throws IOException {
        if (channel != null && channel.isOpen()) {
            return channel;
        }
        PrivateFolder.close(folder);
        SocketChannel found = connect();
        if (found == null) {
            found = start();
        }
        SocketChannel reached = found;
        channel = reached;
        Thread unused = Thread.ofPlatform().daemon().name("gpu helper").start(() -> read(reached));
        return reached;
    }

    private @Nullable SocketChannel connect() {
        try {
            return SocketChannel.open(UnixDomainSocketAddress.of(folder.resolve(SOCKET)));
        } catch (IOException nobody) {
            return null;
        }
    }

    private SocketChannel start() throws IOException {
        Path program = folder.resolve("ferry-gpu");
        NativeHelper.installGpuHelper(program);
        Path log = folder.resolve("helper.log");
        ProcessBuilder builder =
                new ProcessBuilder(List.of(program.toString(), folder.toString(), Integer.toString(LINGER_SECONDS), config.library(), config.nvml(), config.program()))
                        .directory(folder.toFile())
                        .redirectErrorStream(true)
                        .redirectInput(Path.of("/dev/null").toFile())
                        .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
        if (!config.standIn().isEmpty()) {
            builder.environment().put("FERRY_STANDIN", config.standIn());
        }
        return awaitStart(builder, log);
    }

    private SocketChannel awaitStart(ProcessBuilder builder, Path log) throws IOException {
        Process process = builder.start();
        long end = System.nanoTime() + START.toNanos();
        while (true) {
            SocketChannel found = connect();
            if (found != null) {
                LOG.info("ferry-gpu runs as process {}", process.pid());
                return found;
            }
            if (!process.isAlive() && process.exitValue() == TAKEN && System.nanoTime() < end) {
                // It is one that ends, and is still within the driver, or one that has just begun.
                LockSupport.parkNanos(TAKEN_NANOS);
                process = builder.start();
            } else if (System.nanoTime() > end || !process.isAlive()) {
                // Alive it is not ours to kill: it may be within the driver.
                throw new FerryException(
                        ErrorCode.GPU_UNAVAILABLE,
                        "ferry-gpu " + (process.isAlive() ? "does not answer" : "ended with status " + process.exitValue()) + " in " + folder,
                        Files.exists(log) ? Files.readAllLines(log) : List.of(),
                        null);
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    private void read(SocketChannel from) {
        String why = "the helper ended";
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(Channels.newInputStream(from), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                int blank = line.indexOf(' ');
                Waiting one = waiting.get(line.substring(0, Math.max(0, blank)));
                if (one != null) {
                    boolean ignored = one.answer().complete(HelperWords.parse(line.substring(blank + 1)));
                }
            }
        } catch (IOException broken) {
            why = String.valueOf(broken.getMessage());
        }
        synchronized (this) {
            if (channel == from) {
                channel = null;
            }
        }
        Gone gone = new Gone(why);
        // There may be a new connection by now, whose answers come.
        waiting.values().stream().filter(one -> one.on() == from).forEach(one -> one.answer().completeExceptionally(gone));
    }

    /** Lets the helper of a folder end as soon as no call is in flight; a helper that is not there has ended, and for one that does not answer nobody waits long. */
    public static void letEnd(Path folder) {
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(folder.resolve(SOCKET)));
                Selector answered = Selector.open()) {
            int ignored = channel.write(ByteBuffer.wrap("end quit\n".getBytes(StandardCharsets.UTF_8)));
            channel.configureBlocking(false).register(answered, SelectionKey.OP_READ);
            if (answered.select(END.toMillis()) == 0) {
                LOG.warn("ferry-gpu in {} does not answer: it ends when it has read that it may", folder);
            }
        } catch (IOException nobody) {
            LOG.debug("no helper in {}: {}", folder, nobody.getMessage());
        }
    }

    /** Gives up the connection; the helper lives on. */
    @Override
    public synchronized void close() throws IOException {
        if (channel != null) {
            channel.close();
        }
    }
}
