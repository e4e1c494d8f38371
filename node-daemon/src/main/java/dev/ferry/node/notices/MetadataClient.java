package dev.ferry.node.notices;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Asks a metadata server: never through a proxy, never to where it redirects, and never more than a little text. */
final class MetadataClient implements AutoCloseable {
    private static final Duration CONNECT = Duration.ofSeconds(2);
    private static final long MOST_BYTES = 256 << 10;

    private final String endpoint;
    private final HttpClient http;

    /** What it answered. */
    record Answer(int status, HttpHeaders headers, String body) {}

    MetadataClient(String endpoint) {
        this(endpoint, builder());
    }

    /**
     * Of a server behind TLS.
     *
     * @param authority PEM file of the authority that signed its certificate
     * @throws FerryException CONFIG_INVALID when it can't be read
     */
    MetadataClient(String endpoint, Path authority) {
        this(endpoint, builder().sslContext(trusting(authority)));
    }

    private MetadataClient(String endpoint, HttpClient.Builder builder) {
        this.endpoint = endpoint.replaceAll("/+$", "");
        http = builder.build();
    }

    private static HttpClient.Builder builder() {
        return HttpClient.newBuilder().proxy(HttpClient.Builder.NO_PROXY).followRedirects(HttpClient.Redirect.NEVER).version(HttpClient.Version.HTTP_1_1).connectTimeout(CONNECT);
    }

    private static SSLContext trusting(Path authority) {
        try (InputStream content = Files.newInputStream(authority)) {
            KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
            trusted.load(null, null);
            for (Certificate certificate : CertificateFactory.getInstance("X.509").generateCertificates(content)) {
                trusted.setCertificateEntry("authority " + trusted.size(), certificate);
            }
            TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            managers.init(trusted);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, managers.getTrustManagers(), null);
            return context;
        } catch (IOException | GeneralSecurityException unreadable) {
            throw new FerryException(ErrorCode.CONFIG_INVALID, "The certificates in " + authority + " can't be used: " + unreadable.getMessage(), unreadable);
        }
    }

    Answer get(String path, Map<String, String> headers, Duration atMost) throws IOException, InterruptedException {
        return ask(request(path, headers, atMost).GET().build());
    }

    Answer put(String path, Map<String, String> headers, Duration atMost) throws IOException, InterruptedException {
        return ask(request(path, headers, atMost).PUT(HttpRequest.BodyPublishers.noBody()).build());
    }

    Answer post(String path, Map<String, String> headers, String body, Duration atMost) throws IOException, InterruptedException {
        return ask(request(path, headers, atMost).POST(HttpRequest.BodyPublishers.ofString(body)).build());
    }

    private HttpRequest.Builder request(String path, Map<String, String> headers, Duration atMost) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(endpoint + path)).timeout(atMost);
        headers.forEach(request::header);
        return request;
    }

    private Answer ask(HttpRequest request) throws IOException, InterruptedException {
        Duration atMost = request.timeout().orElseThrow();
        CompletableFuture<HttpResponse<String>> answer = http.sendAsync(request, BodyHandlers.limiting(BodyHandlers.ofString(StandardCharsets.UTF_8), MOST_BYTES));
        try {
            // The request's own time ends with the answer's head; a body may never end.
            HttpResponse<String> response = answer.get(atMost.toMillis(), TimeUnit.MILLISECONDS);
            return new Answer(response.statusCode(), response.headers(), response.body());
        } catch (TimeoutException late) {
            throw new HttpTimeoutException("no answer within " + atMost.toMillis() + " ms");
        } catch (ExecutionException failed) {
            throw failed.getCause() instanceof IOException known ? known : new IOException(failed.getCause());
        } finally {
            boolean ignored = answer.cancel(true);
        }
    }

    @Override
    public void close() {
        http.shutdownNow();
    }
}
