package dev.ferry.node.notices;

import com.fasterxml.jackson.databind.JsonNode;
import dev.ferry.node.notices.Announcement.Deadline;
import dev.ferry.node.notices.MetadataClient.Answer;
import dev.ferry.proto.v1.NoticeKind;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What the Kubernetes API says of the node on which the daemon runs: its taints and conditions, of which the configuration names those that
 * announce something. Asked by the token of the daemon's service account, which may read nodes. Source:
 * kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1.
 */
final class KubernetesSource implements NoticeSource {
    private static final Duration LONGEST = Duration.ofSeconds(10);
    private static final int OK = 200;

    private final MetadataClient client;
    private final String node;
    private final Path token;
    private final List<Sign> signs;
    private final Duration poll;

    /**
     * What announces something: a taint with this key, or a condition of this type that is True.
     *
     * @param name the key or type
     */
    record Sign(boolean condition, String name, NoticeKind kind) {
        private static final String CONDITION = "condition:";

        /** {@code KEY=final}, or {@code condition:TYPE=maintenance}; empty: it is none. */
        static Optional<Sign> parse(String text) {
            int equals = text.lastIndexOf('=');
            if (equals < 1) {
                return Optional.empty();
            }
            boolean condition = text.startsWith(CONDITION);
            String name = text.substring(condition ? CONDITION.length() : 0, equals);
            Optional<NoticeKind> kind =
                    switch (text.substring(equals + 1).toLowerCase(Locale.ROOT)) {
                        case "final" -> Optional.of(NoticeKind.FINAL);
                        case "maintenance" -> Optional.of(NoticeKind.MAINTENANCE);
                        case "advisory" -> Optional.of(NoticeKind.ADVISORY);
                        default -> Optional.empty();
                    };
            return name.matches("[A-Za-z0-9./_-]{1,253}") ? kind.map(known -> new Sign(condition, name, known)) : Optional.empty();
        }
    }

    /**
     * @param node its name in Kubernetes
     * @param token file that holds the service account's token, which changes from time to time
     */
    KubernetesSource(MetadataClient client, String node, Path token, List<Sign> signs, Duration poll) {
        this.client = client;
        this.node = node;
        this.token = token;
        this.signs = signs;
        this.poll = poll;
    }

    @Override
    public String name() {
        return "kubernetes";
    }

    @Override
    public List<Announcement> look() throws IOException, InterruptedException {
        String bearer = "Bearer " + Files.readString(token, StandardCharsets.UTF_8).strip();
        Answer answer = client.get("/api/v1/nodes/" + node, Map.of("Authorization", bearer, "Accept", "application/json"), LONGEST);
        if (answer.status() != OK) {
            throw new IOException("the Kubernetes API answers by " + answer.status() + " for node " + node);
        }
        return read(node, answer.body(), signs);
    }

    static List<Announcement> read(String node, String said, List<Sign> signs) throws Garbage {
        JsonNode document = Documents.json("the Kubernetes node", said);
        if (!document.path("kind").asText().equals("Node") || !document.path("metadata").path("name").asText().equals(node)) {
            throw new Garbage("the Kubernetes node " + node, said);
        }
        List<Announcement> announced = new ArrayList<>();
        for (Sign sign : signs) {
            (sign.condition() ? condition(document, sign) : taint(document, sign)).ifPresent(announced::add);
        }
        return announced;
    }

    private static Optional<Announcement> taint(JsonNode document, Sign sign) {
        for (JsonNode taint : document.path("spec").path("taints")) {
            if (taint.path("key").asText().equals(sign.name())) {
                String added = taint.path("timeAdded").asText();
                String value = taint.path("value").asText();
                return Optional.of(announcement(sign, "taint " + sign.name() + (value.isEmpty() ? "" : "=" + value), value + (value.isEmpty() || added.isEmpty() ? "" : "-") + added));
            }
        }
        return Optional.empty();
    }

    private static Optional<Announcement> condition(JsonNode document, Sign sign) {
        for (JsonNode condition : document.path("status").path("conditions")) {
            if (condition.path("type").asText().equals(sign.name()) && condition.path("status").asText().equals("True")) {
                return Optional.of(announcement(sign, "condition " + sign.name() + ": " + condition.path("reason").asText(), condition.path("lastTransitionTime").asText()));
            }
        }
        return Optional.empty();
    }

    /** What tells a sign that comes again from the one before: its time, or its value. */
    private static Announcement announcement(Sign sign, String detail, String which) {
        String event = (sign.condition() ? "condition-" : "taint-") + sign.name() + (which.isEmpty() ? "" : "-" + which.replaceAll("[^A-Za-z0-9:.-]", "_"));
        return new Announcement(event, sign.kind(), new Deadline.Unknown(), 1, "Kubernetes: " + detail);
    }

    @Override
    public Duration pause() {
        return poll;
    }

    @Override
    public int looksUntilGone() {
        return 1;
    }
}
