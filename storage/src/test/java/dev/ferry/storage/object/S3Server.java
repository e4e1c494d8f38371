package dev.ferry.storage.object;

import static org.awaitility.Awaitility.await;

import dev.ferry.storage.EncryptionConfig;
import dev.ferry.storage.StoreConfig;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.TimeUnit;

/** A real S3 server (S3Proxy over a folder) as a process of its own, over HTTP and HTTPS. */
public final class S3Server implements AutoCloseable {
    static final String ACCESS_KEY = "tester";
    static final String SECRET_KEY = "secret of the tester";
    public static final String BUCKET = "ferry";
    private static final String PASSWORD = "password";
    private static final Duration START = Duration.ofSeconds(60);

    private final Path folder;
    private final boolean named;
    private final int port;
    private final int securePort;
    private Process process;

    /**
     * @param folder for its objects, keys and log
     * @param named true: it is s3.test, and a bucket may be a part of the name; false: it has only its address
     */
    public S3Server(Path folder, boolean named) throws Exception {
        this.folder = folder;
        this.named = named;
        port = freePort();
        securePort = freePort();
        Files.createDirectories(folder.resolve("objects").resolve(BUCKET));
        makeKey();
        start();
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private void makeKey() throws Exception {
        String store = folder.resolve("server.p12").toString();
        keytool("-genkeypair", "-keystore", store, "-alias", "server", "-keyalg", "EC", "-dname", "CN=s3.test", "-ext", "san=dns:s3.test,dns:ferry.s3.test", "-validity", "2");
        keytool("-exportcert", "-rfc", "-keystore", store, "-alias", "server", "-file", folder.resolve("ca.pem").toString());
    }

    private static void keytool(String... arguments) throws Exception {
        List<String> command = new java.util.ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "keytool").toString()));
        command.addAll(List.of(arguments));
        command.addAll(List.of("-storepass", PASSWORD));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes());
        if (process.waitFor() != 0) {
            throw new IOException("keytool: " + said);
        }
    }

    /** Starts it, or starts it again over what it had. */
    public void start() throws IOException {
        Properties settings = new Properties();
        settings.put("s3proxy.endpoint", "http://127.0.0.1:" + port);
        settings.put("s3proxy.secure-endpoint", "https://127.0.0.1:" + securePort);
        settings.put("s3proxy.keystore-path", folder.resolve("server.p12").toString());
        settings.put("s3proxy.keystore-password", PASSWORD);
        if (named) {
            settings.put("s3proxy.virtual-host", "s3.test");
        }
        settings.put("s3proxy.authorization", "aws-v2-or-v4");
        settings.put("s3proxy.identity", ACCESS_KEY);
        settings.put("s3proxy.credential", SECRET_KEY);
        settings.put("jclouds.provider", "filesystem-nio2");
        settings.put("jclouds.identity", "folder");
        settings.put("jclouds.credential", "folder");
        settings.put("jclouds.filesystem.basedir", folder.resolve("objects").toString());
        Path file = folder.resolve("s3proxy.conf");
        try (var out = Files.newOutputStream(file)) {
            settings.store(out, null);
        }
        process =
                new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp", System.getProperty("java.class.path"), "org.gaul.s3proxy.Main", "--properties", file.toString())
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.appendTo(folder.resolve("log").toFile()))
                        .start();
        await().atMost(START).until(() -> !process.isAlive() || answers());
        if (!process.isAlive()) {
            throw new IOException("the S3 server ended: " + Files.readString(folder.resolve("log")));
        }
    }

    private boolean answers() {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), securePort)) {
            return socket.isConnected();
        } catch (IOException notYet) {
            return false;
        }
    }

    /** Ends it at once, as a power cut would. */
    public void kill() throws InterruptedException {
        process.destroyForcibly().waitFor(30, TimeUnit.SECONDS);
    }

    /** By HTTP, with the bucket in the path. */
    public StoreConfig plain(String prefix) {
        return plain(prefix, SECRET_KEY);
    }

    StoreConfig plain(String prefix, String secretKey) {
        return config(prefix, endpoint(), secretKey, true, "");
    }

    /** Its address for HTTP. */
    public String endpoint() {
        return "http://" + (named ? "s3.test" : "127.0.0.1") + ":" + port;
    }

    /** By HTTPS with an authority of our own, with the bucket in the host name. */
    StoreConfig secure(String prefix) {
        return config(prefix, "https://s3.test:" + securePort, SECRET_KEY, false, folder.resolve("ca.pem").toString());
    }

    StoreConfig secureWithSystemAuthorities(String prefix) {
        return config(prefix, "https://s3.test:" + securePort, SECRET_KEY, false, "");
    }

    private static StoreConfig config(String prefix, String endpoint, String secret, boolean pathStyle, String caFile) {
        return new StoreConfig("s3://" + BUCKET + "/" + prefix, endpoint, "eu-test-1", ACCESS_KEY, secret, "", pathStyle, caFile, EncryptionConfig.off());
    }

    @Override
    public void close() throws InterruptedException {
        kill();
    }
}
