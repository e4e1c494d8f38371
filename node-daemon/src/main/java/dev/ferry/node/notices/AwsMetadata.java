package dev.ferry.node.notices;

import dev.ferry.node.notices.MetadataClient.Answer;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * The Instance Metadata Service, version 2: every question carries a token, which is asked for by PUT and is
 * renewed when it has run out (401). Source: docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html.
 */
final class AwsMetadata implements AutoCloseable {
    private static final Duration ANSWER = Duration.ofSeconds(5);
    private static final String LIFE_SECONDS = "21600";
    private static final int UNAUTHORIZED = 401;
    private static final int NOT_FOUND = 404;
    private static final int OK = 200;

    private final MetadataClient client;
    private String token = "";

    AwsMetadata(String endpoint) {
        client = new MetadataClient(endpoint);
    }

    /** What is at a path below /latest/meta-data/; empty: there is no such thing now. */
    Optional<String> get(String path) throws IOException, InterruptedException {
        String used = token("");
        Answer answer = ask(path, used);
        if (answer.status() == UNAUTHORIZED) {
            answer = ask(path, token(used));
        }
        if (answer.status() == NOT_FOUND) {
            return Optional.empty();
        }
        if (answer.status() != OK) {
            throw new IOException("the metadata service answers " + path + " by " + answer.status());
        }
        return Optional.of(answer.body());
    }

    private Answer ask(String path, String with) throws IOException, InterruptedException {
        return client.get("/latest/meta-data/" + path, Map.of("X-aws-ec2-metadata-token", with), ANSWER);
    }

    /** A token other than the one that was refused; several who were refused share the next. */
    private synchronized String token(String refused) throws IOException, InterruptedException {
        if (token.equals(refused)) {
            Answer answer = client.put("/latest/api/token", Map.of("X-aws-ec2-metadata-token-ttl-seconds", LIFE_SECONDS), ANSWER);
            // It becomes a header: a line break in it would become another one.
            if (answer.status() != OK || !answer.body().matches("[\\x21-\\x7e]+")) {
                throw new IOException("the metadata service gives no token: " + answer.status());
            }
            token = answer.body();
        }
        return token;
    }

    @Override
    public void close() {
        client.close();
    }
}
