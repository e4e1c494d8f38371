package dev.ferry.storage.object;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.EncryptionConfig;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.StoreConfig;
import dev.ferry.storage.Stores;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLHandshakeException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Servers and networks that end in the middle of an answer. */
@Timeout(60)
class S3AnswersTest {
    private static StoreConfig config(String endpoint) {
        return new StoreConfig("s3://ferry/x", endpoint, "eu-test-1", "tester", "secret", "", true, "", EncryptionConfig.off());
    }

    /** As much of S3 as is spoken here; the answer to a write is lost when the test says so. */
    private static final class Server implements AutoCloseable {
        private final HttpServer http;
        private final Map<String, byte[]> objects = new ConcurrentHashMap<>();
        private final AtomicBoolean loseNext = new AtomicBoolean();
        private final AtomicInteger writes = new AtomicInteger();

        Server() throws IOException {
            http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            http.createContext("/", this::answer);
            http.start();
        }

        String endpoint() {
            return "http://127.0.0.1:" + http.getAddress().getPort();
        }

        private void answer(HttpExchange exchange) throws IOException {
            byte[] body = exchange.getRequestBody().readAllBytes();
            String path = exchange.getRequestURI().getPath();
            if (exchange.getRequestMethod().equals("GET")) {
                byte[] there = objects.get(path);
                say(exchange, there == null ? 404 : 200, there == null ? error("NoSuchKey") : there);
                return;
            }
            writes.incrementAndGet();
            boolean only = "*".equals(exchange.getRequestHeaders().getFirst("If-None-Match"));
            if (only && objects.putIfAbsent(path, body) != null) {
                say(exchange, 412, error("PreconditionFailed"));
                return;
            }
            objects.put(path, body);
            if (loseNext.getAndSet(false)) {
                exchange.close();
            } else {
                say(exchange, 200, new byte[0]);
            }
        }

        private static byte[] error(String code) {
            return ("<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>of the test</Message></Error>").getBytes(StandardCharsets.UTF_8);
        }

        private static void say(HttpExchange exchange, int status, byte[] body) throws IOException {
            exchange.getResponseHeaders().set("ETag", "\"1\"");
            exchange.getResponseHeaders().set("Content-Type", "application/xml");
            exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        }

        @Override
        public void close() {
            http.stop(0);
        }
    }

    /** The HTTP client sends a request again on its own when a connection that it kept ends before the answer. */
    @Test
    void whatWasCreatedIsOursThoughTheAnswerWasLost() throws Exception {
        try (Server server = new Server();
                ObjectStore store = Stores.open(config(server.endpoint()))) {
            store.put("before", ObjectStoreContract.bytes("makes a connection"));
            server.loseNext.set(true);
            store.create("key", ObjectStoreContract.bytes("ours"));
            assertThat(server.writes).hasValue(3);
            assertThat(store.get("key")).hasValue("ours".getBytes(StandardCharsets.UTF_8));
            ObjectStoreContract.assertRefused(ErrorCode.OBJECT_EXISTS, () -> store.create("key", ObjectStoreContract.bytes("theirs")));
        }
    }

    @Test
    void aHandshakeThatIsCutOffIsTriedAgain() {
        AtomicInteger tries = new AtomicInteger();
        String read =
                new S3Retry("the store")
                        .run(
                                "read",
                                "key",
                                () -> {
                                    if (tries.incrementAndGet() < 3) {
                                        throw new SSLHandshakeException("Remote host terminated the handshake");
                                    }
                                    return "read";
                                });
        assertThat(read).isEqualTo("read");
    }

    @Test
    void aServerThatEndsEachHandshakeIsUnreachableAndNotUntrusted() throws Exception {
        AtomicInteger accepted = new AtomicInteger();
        try (ServerSocket listening = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
                ObjectStore store = Stores.open(config("https://127.0.0.1:" + listening.getLocalPort()))) {
            Thread unused =
                    Thread.ofPlatform()
                            .daemon()
                            .start(
                                    () -> {
                                        try {
                                            while (true) {
                                                try (Socket socket = listening.accept()) {
                                                    accepted.incrementAndGet();
                                                    int ignored = socket.getInputStream().read(new byte[4096]);
                                                }
                                            }
                                        } catch (IOException closed) {
                                            // The test is over.
                                        }
                                    });
            ObjectStoreContract.assertRefused(ErrorCode.STORE_UNREACHABLE, () -> store.put("key", ObjectStoreContract.bytes("x")));
            assertThat(accepted.get()).isGreaterThanOrEqualTo(5);
        }
    }

    /** Whoever gives up a pack that is on its way must have waited for all tries. */
    @Test
    void allTriesOfARequestHaveEndedInTheLongestTime() {
        assertThat(S3Retry.longest()).isLessThan(ObjectStore.LONGEST_REQUEST);
    }
}
