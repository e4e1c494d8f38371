package dev.ferry.node.notices;

import com.fasterxml.jackson.databind.JsonNode;
import dev.ferry.node.notices.Announcement.Deadline;
import dev.ferry.node.notices.MetadataClient.Answer;
import dev.ferry.proto.v1.NoticeKind;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Azure's Scheduled Events. Source: learn.microsoft.com/azure/virtual-machines/linux/scheduled-events. The document is that of
 * the whole scale set or availability set: what is for other machines is passed over. An event begins at its NotBefore, or
 * earlier when it is acknowledged, which is done only where the configuration asks for it.
 */
final class AzureSource implements NoticeSource {
    private static final Duration ANSWER = Duration.ofSeconds(10);
    private static final Map<String, String> HEADERS = Map.of("Metadata", "true");
    private static final String EVENTS = "/metadata/scheduledevents?api-version=2020-07-01";
    private static final String NAME = "/metadata/instance/compute/name?api-version=2021-02-01&format=text";
    private static final String DOCUMENT = "the document of scheduled events";
    private static final int OK = 200;

    private final MetadataClient client;
    private final Duration poll;
    private final boolean acknowledges;
    private String machine = "";

    AzureSource(MetadataClient client, Duration poll, boolean acknowledges) {
        this.client = client;
        this.poll = poll;
        this.acknowledges = acknowledges;
    }

    @Override
    public String name() {
        return "azure";
    }

    @Override
    public List<Announcement> look() throws IOException, InterruptedException {
        if (machine.isEmpty()) {
            machine = ask(NAME).strip();
        }
        return read(ask(EVENTS), machine, Instant.now());
    }

    private String ask(String path) throws IOException, InterruptedException {
        Answer answer = client.get(path, HEADERS, ANSWER);
        if (answer.status() != OK) {
            throw new IOException("the metadata service answers " + path + " by " + answer.status());
        }
        return answer.body();
    }

    static List<Announcement> read(String said, String machine, Instant now) throws Garbage {
        JsonNode events = Documents.json(DOCUMENT, said).get("Events");
        if (events == null || !events.isArray()) {
            throw new Garbage(DOCUMENT, said);
        }
        List<Announcement> standing = new ArrayList<>();
        for (JsonNode event : events) {
            if (isFor(event, machine)) {
                add(standing, event, now);
            }
        }
        return standing;
    }

    private static boolean isFor(JsonNode event, String machine) throws Garbage {
        JsonNode resources = event.get("Resources");
        if (resources == null || !resources.isArray()) {
            throw new Garbage(DOCUMENT, event.toString());
        }
        for (JsonNode resource : resources) {
            if (resource.asText().equalsIgnoreCase(machine)) {
                return true;
            }
        }
        return false;
    }

    private static void add(List<Announcement> standing, JsonNode event, Instant now) throws Garbage {
        String type = Documents.text(DOCUMENT, event, "EventType");
        String id = Documents.text(DOCUMENT, event, "EventId");
        NoticeKind kind =
                switch (type) {
                    case "Preempt", "Terminate" -> NoticeKind.FINAL;
                    case "Reboot", "Redeploy" -> NoticeKind.MAINTENANCE;
                    // The machine stands still for some seconds and goes on with all that is in its memory.
                    case "Freeze" -> NoticeKind.NOTICE_KIND_UNSPECIFIED;
                    default -> throw new Garbage(DOCUMENT + " (an 'EventType')", event.toString());
                };
        if (kind != NoticeKind.NOTICE_KIND_UNSPECIFIED) {
            // Once it has begun, its NotBefore is empty.
            boolean begun = Documents.text(DOCUMENT, event, "EventStatus").equals("Started");
            Instant begins = begun ? now : Documents.httpTime(DOCUMENT + " (a 'NotBefore')", Documents.text(DOCUMENT, event, "NotBefore"));
            standing.add(new Announcement(id, kind, begun ? new Deadline.After(Duration.ZERO) : new Deadline.At(begins), 1, type + (event.path("Description").asText().isEmpty() ? "" : ": " + event.path("Description").asText())));
        }
    }

    @Override
    public void settled(String event) throws IOException, InterruptedException {
        if (acknowledges) {
            Answer answer = client.post(EVENTS, HEADERS, "{\"StartRequests\": [{\"EventId\": \"" + event.replaceAll("[^A-Za-z0-9-]", "") + "\"}]}", ANSWER);
            if (answer.status() != OK) {
                throw new IOException("the acknowledgement of event " + event + " is answered by " + answer.status());
            }
        }
    }

    @Override
    public Duration pause() {
        return poll;
    }

    @Override
    public int looksUntilGone() {
        return 2;
    }
}
