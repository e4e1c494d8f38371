package dev.ferry.node.notices;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;

/** Asks a metadata server: never through a proxy, never to where it redirects, and never more than a little text. */
final class MetadataClient implements AutoCloseable {
    private static final Duration CONNECT = Duration.ofSeconds(2);
    private static final long MOST_BYTES = 256 << 10;

    private final String endpoint;
    private final HttpClient http =
            HttpClient.newBuilder().proxy(HttpClient.Builder.NO_PROXY).followRedirects(HttpClient.Redirect.NEVER).version(HttpClient.Version.HTTP_1_1).connectTimeout(CONNECT).build();

    /** What it answered. */
    record Answer(int status, HttpHeaders headers, String body) {}

    MetadataClient(String endpoint) {
        this.endpoint = endpoint.replaceAll("/+$", "");
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
        HttpResponse<String> response = http.send(request, BodyHandlers.limiting(BodyHandlers.ofString(StandardCharsets.UTF_8), MOST_BYTES));
        return new Answer(response.statusCode(), response.headers(), response.body());
    }

    @Override
    public void close() {
        http.shutdownNow();
    }
}
