package dev.ferry.cli.chaos;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Stands between a cluster and its S3 server, on loopback, and hands on what both say, unless it is told to be a bad store. */
final class StoreProxy implements AutoCloseable {
    /** What is done to requests. */
    enum Mood {
        FAIR,
        /** Each is answered by an internal error (500). */
        ERRORS,
        /** Nothing is handed on. */
        SILENT,
        /** Connections are reset after some bytes of either side. */
        CUTS,
        /** Answers end within their bodies. */
        TRUNCATES
    }

    private static final int PIECE = 16 << 10;
    /** Small requests pass: a store that is bad now and then, not one that is away. */
    private static final int UNTIL_CUT = 96 << 10;
    private static final int UNTIL_END = 2 << 10;
    private static final int LONGEST_HEADER = 64 << 10;
    private static final Duration CONNECT = Duration.ofSeconds(10);
    private static final Pattern LENGTH = Pattern.compile("(?im)^content-length: *([0-9]{1,12})\\r?$");
    private static final String ERROR = "<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>as ferry chaos has it</Message></Error>";

    private final InetSocketAddress server;
    private final ServerSocket listening;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private final Object changed = new Object();
    private volatile Mood mood = Mood.FAIR;

    private StoreProxy(InetSocketAddress server, ServerSocket listening) {
        this.server = server;
        this.listening = listening;
    }

    /**
     * @param endpoint of the server; without TLS, through which nothing could be cut
     * @throws FerryException INVALID_ARGUMENT
     */
    static StoreProxy before(String endpoint) throws IOException {
        URI address = URI.create(endpoint);
        if (!"http".equals(address.getScheme()) || address.getHost() == null || address.getPort() < 0) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "The store's endpoint '" + endpoint + "' must be http://HOST:PORT: the run stands between, which TLS would not allow");
        }
        StoreProxy proxy = new StoreProxy(new InetSocketAddress(address.getHost(), address.getPort()), new ServerSocket(0, 128, InetAddress.getLoopbackAddress()));
        Thread unused = Thread.ofVirtual().start(proxy::accept);
        return proxy;
    }

    /** Where the cluster is to find its store. */
    String endpoint() {
        return "http://127.0.0.1:" + listening.getLocalPort();
    }

    /** From now on; also for connections that are open. */
    void be(Mood next) {
        synchronized (changed) {
            mood = next;
            changed.notifyAll();
        }
        if (next == Mood.ERRORS) {
            // One that is open would be in the middle of what the server says.
            open.forEach(StoreProxy::end);
        }
    }

    private void accept() {
        while (!listening.isClosed()) {
            try {
                Socket client = listening.accept();
                open.add(client);
                Thread unused = Thread.ofVirtual().start(() -> serve(client));
            } catch (IOException closed) {
                // The next look at the socket ends it, or one who asked has gone already.
                continue;
            }
        }
    }

    private void serve(Socket client) {
        try (client) {
            if (mood == Mood.ERRORS) {
                refuse(client);
                return;
            }
            try (Socket upstream = new Socket()) {
                upstream.connect(server, (int) CONNECT.toMillis());
                open.add(upstream);
                Thread back = Thread.ofVirtual().start(() -> pump(upstream, client, true));
                pump(client, upstream, false);
                back.join();
                open.remove(upstream);
            }
        } catch (IOException gone) {
            // Whoever asked sees its connection end.
            end(client);
        } catch (InterruptedException closed) {
            Thread.currentThread().interrupt();
        } finally {
            open.remove(client);
        }
    }

    /** Takes a request and its body, so that the answer is read. */
    private static void refuse(Socket client) throws IOException {
        InputStream from = client.getInputStream();
        ByteArrayOutputStream header = new ByteArrayOutputStream();
        String text = "";
        while (!text.endsWith("\r\n\r\n")) {
            int one = from.read();
            if (one < 0 || header.size() > LONGEST_HEADER) {
                return;
            }
            header.write(one);
            text = one == '\n' ? header.toString(StandardCharsets.ISO_8859_1) : "";
        }
        Matcher length = LENGTH.matcher(header.toString(StandardCharsets.ISO_8859_1));
        from.skipNBytes(length.find() ? Long.parseLong(length.group(1)) : 0);
        String answer = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/xml\r\nContent-Length: " + ERROR.length() + "\r\nConnection: close\r\n\r\n" + ERROR;
        client.getOutputStream().write(answer.getBytes(StandardCharsets.ISO_8859_1));
        client.getOutputStream().flush();
    }

    /** Hands on what one side says until it ends; then the other side is told. */
    private void pump(Socket from, Socket to, boolean answers) {
        byte[] piece = new byte[PIECE];
        long handed = 0;
        try {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            for (int length = in.read(piece); length >= 0; length = in.read(piece)) {
                awaitVoice();
                // What was handed on before the store turned bad is not counted.
                handed = mood == Mood.FAIR ? 0 : handed + length;
                if (mood == Mood.CUTS && handed > UNTIL_CUT) {
                    reset(from);
                    reset(to);
                    return;
                }
                if (mood == Mood.TRUNCATES && answers && handed > UNTIL_END) {
                    out.write(piece, 0, length / 2);
                    out.flush();
                    end(to);
                    end(from);
                    return;
                }
                out.write(piece, 0, length);
                out.flush();
            }
            to.shutdownOutput();
        } catch (IOException ended) {
            end(from);
            end(to);
        } catch (InterruptedException closed) {
            Thread.currentThread().interrupt();
        }
    }

    private void awaitVoice() throws InterruptedException {
        synchronized (changed) {
            while (mood == Mood.SILENT) {
                changed.wait();
            }
        }
    }

    private static void reset(Socket socket) throws IOException {
        socket.setSoLinger(true, 0);
        socket.close();
    }

    private static void end(Socket socket) {
        try {
            socket.close();
        } catch (IOException ended) {
            // It is what was wanted.
            return;
        }
    }

    @Override
    public void close() throws IOException {
        be(Mood.FAIR);
        listening.close();
        open.forEach(StoreProxy::end);
    }
}
