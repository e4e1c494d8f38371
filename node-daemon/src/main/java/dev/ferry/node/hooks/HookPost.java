package dev.ferry.node.hooks;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Posts facts to the addresses of hooks: never through a proxy, never to where one redirects. */
final class HookPost implements AutoCloseable {
    private static final long MOST_BYTES = 64 << 10;

    private final HttpClient http = HttpClient.newBuilder().proxy(HttpClient.Builder.NO_PROXY).followRedirects(HttpClient.Redirect.NEVER).version(HttpClient.Version.HTTP_1_1).build();

    HookAnswer post(String url, HookFacts facts, Duration atMost) throws InterruptedException {
        HttpRequest request =
                HttpRequest.newBuilder(URI.create(url)).timeout(atMost).header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofByteArray(facts.json())).build();
        CompletableFuture<HttpResponse<String>> answer = http.sendAsync(request, BodyHandlers.limiting(BodyHandlers.ofString(StandardCharsets.UTF_8), MOST_BYTES));
        try {
            // The request's own time ends with the answer's head; a body may never end.
            HttpResponse<String> response = answer.get(atMost.toMillis(), TimeUnit.MILLISECONDS);
            boolean well = response.statusCode() / 100 == 2;
            return well ? HookAnswer.GO_ON : HookAnswer.failed("answered " + response.statusCode(), response.body());
        } catch (TimeoutException late) {
            return late(atMost);
        } catch (ExecutionException failed) {
            Throwable cause = failed.getCause();
            return cause instanceof HttpTimeoutException ? late(atMost) : HookAnswer.failed("could not be reached", cause instanceof IOException ? cause.toString() : String.valueOf(cause));
        } finally {
            boolean ignored = answer.cancel(true);
        }
    }

    private static HookAnswer late(Duration atMost) {
        return HookAnswer.failed("did not answer within " + atMost.toMillis() + " ms", "");
    }

    @Override
    public void close() {
        http.shutdownNow();
    }
}
