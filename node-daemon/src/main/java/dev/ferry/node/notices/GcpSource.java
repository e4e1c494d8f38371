package dev.ferry.node.notices;

import dev.ferry.node.notices.Announcement.Deadline;
import dev.ferry.node.notices.MetadataClient.Answer;
import dev.ferry.proto.v1.NoticeKind;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * One value of Google's metadata server, which answers when it changes. Sources:
 * cloud.google.com/compute/docs/instances/spot (preempted; the machine is off 30 s after), .../metadata/querying-metadata
 * (wait_for_change, last_etag, Metadata-Flavor) and .../instances/monitor-plan-host-maintenance-event (maintenance-event).
 */
final class GcpSource implements NoticeSource {
    private static final Duration PREEMPTION_NOTICE = Duration.ofSeconds(30);
    /** From the change of maintenance-event to the stop of a machine that is not migrated. */
    private static final Duration MAINTENANCE_NOTICE = Duration.ofMinutes(60);
    private static final Duration WAIT = Duration.ofSeconds(60);
    private static final Duration GRACE = Duration.ofSeconds(10);
    private static final int OK = 200;

    private final MetadataClient client;
    private final Value value;
    private final String boot;
    private String etag = "0";

    /** What is waited for. */
    enum Value {
        PREEMPTED("gcp-preempted", "preempted"),
        MAINTENANCE("gcp-maintenance", "maintenance-event");

        private final String source;
        private final String path;

        Value(String source, String path) {
            this.source = source;
            this.path = path;
        }
    }

    /**
     * @param boot of the machine's kernel: events have no names of their own, and a machine may be preempted again after it was started again
     */
    GcpSource(MetadataClient client, Value value, String boot) {
        this.client = client;
        this.value = value;
        this.boot = boot;
    }

    @Override
    public String name() {
        return value.source;
    }

    @Override
    public List<Announcement> look() throws IOException, InterruptedException {
        // The etag 0 is no value's: the first look is answered at once.
        String path = "/computeMetadata/v1/instance/" + value.path + "?wait_for_change=true&last_etag=" + etag + "&timeout_sec=" + WAIT.toSeconds();
        Answer answer = client.get(path, Map.of("Metadata-Flavor", "Google"), WAIT.plus(GRACE));
        if (answer.status() != OK) {
            throw new IOException("the metadata server answers " + value.path + " by " + answer.status());
        }
        if (!answer.headers().firstValue("Metadata-Flavor").orElse("").equals("Google")) {
            throw new Garbage("an answer without the metadata server's header", answer.body());
        }
        List<Announcement> now = read(value, answer.body(), boot);
        etag = answer.headers().firstValue("ETag").filter(tag -> tag.matches("[A-Za-z0-9]+")).orElse("0");
        return now;
    }

    static List<Announcement> read(Value value, String said, String boot) throws Garbage {
        return switch (value) {
            case PREEMPTED ->
                    switch (said.strip()) {
                        case "TRUE" -> List.of(new Announcement("preempted-" + boot, NoticeKind.FINAL, new Deadline.After(PREEMPTION_NOTICE), 1, "the instance is preempted"));
                        case "FALSE" -> List.of();
                        default -> throw new Garbage("instance/preempted", said);
                    };
            case MAINTENANCE ->
                    switch (said.strip()) {
                        case "TERMINATE_ON_HOST_MAINTENANCE" ->
                                List.of(new Announcement("maintenance-" + boot, NoticeKind.MAINTENANCE, new Deadline.After(MAINTENANCE_NOTICE), 1, "the instance is stopped for maintenance of its host"));
                        // The hypervisor moves the machine with all that runs on it: nothing to do.
                        case "NONE", "MIGRATE_ON_HOST_MAINTENANCE" -> List.of();
                        default -> throw new Garbage("instance/maintenance-event", said);
                    };
        };
    }

    /** Without an etag the server answers at once, and a look would follow the other. */
    @Override
    public Duration pause() {
        return etag.equals("0") ? Duration.ofSeconds(2) : Duration.ZERO;
    }

    @Override
    public int looksUntilGone() {
        return 1;
    }
}
