package dev.ferry.node.notices;

import com.fasterxml.jackson.databind.JsonNode;
import dev.ferry.node.notices.Announcement.Deadline;
import dev.ferry.proto.v1.NoticeKind;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * One place of Amazon's metadata that tells of the instance's end. Sources:
 * docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html, rebalance-recommendations.html,
 * viewing_scheduled_events.html, and docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html.
 */
final class AwsSource implements NoticeSource {
    /** How sure a rebalance recommendation is: it can come long before an interruption, and without one. */
    private static final double REBALANCE_CONFIDENCE = 0.5;

    private static final Set<String> INTERRUPTIONS = Set.of("terminate", "stop", "hibernate");
    private static final Set<String> TARGET_STATES =
            Set.of("InService", "Standby", "Detached", "Warmed:Stopped", "Warmed:Running", "Warmed:Terminated", "Warmed:Hibernated", "Terminated");

    private final AwsMetadata metadata;
    private final Place place;
    private final Duration poll;

    /** What is looked at. */
    enum Place {
        SPOT("aws-spot", "spot/instance-action"),
        REBALANCE("aws-rebalance", "events/recommendations/rebalance"),
        MAINTENANCE("aws-maintenance", "events/maintenance/scheduled"),
        AUTOSCALING("aws-autoscaling", "autoscaling/target-lifecycle-state");

        private final String source;
        private final String path;

        Place(String source, String path) {
            this.source = source;
            this.path = path;
        }
    }

    AwsSource(AwsMetadata metadata, Place place, Duration poll) {
        this.metadata = metadata;
        this.place = place;
        this.poll = poll;
    }

    @Override
    public String name() {
        return place.source;
    }

    @Override
    public List<Announcement> look() throws IOException, InterruptedException {
        Optional<String> said = metadata.get(place.path);
        return said.isEmpty() ? List.of() : read(place, said.get());
    }

    static List<Announcement> read(Place place, String said) throws Garbage {
        return switch (place) {
            case SPOT -> spot(said);
            case REBALANCE -> rebalance(said);
            case MAINTENANCE -> maintenance(said);
            case AUTOSCALING -> autoscaling(said);
        };
    }

    /** {"action": "terminate", "time": "2017-09-18T08:22:00Z"}. */
    private static List<Announcement> spot(String said) throws Garbage {
        JsonNode document = Documents.json("spot/instance-action", said);
        String action = Documents.text("spot/instance-action", document, "action");
        if (!INTERRUPTIONS.contains(action)) {
            throw new Garbage("spot/instance-action (its 'action')", said);
        }
        String time = Documents.text("spot/instance-action", document, "time");
        return List.of(new Announcement(time, NoticeKind.FINAL, new Deadline.At(Documents.isoTime("spot/instance-action (its 'time')", time)), 1, "spot instance: " + action));
    }

    /** {"noticeTime": "2020-10-27T08:22:00Z"}. */
    private static List<Announcement> rebalance(String said) throws Garbage {
        String time = Documents.text("events/recommendations/rebalance", Documents.json("events/recommendations/rebalance", said), "noticeTime");
        return List.of(
                new Announcement(
                        Documents.isoTime("events/recommendations/rebalance (its 'noticeTime')", time).toString(), NoticeKind.ADVISORY, new Deadline.Unknown(), REBALANCE_CONFIDENCE, "rebalance recommendation"));
    }

    /** A list of events; those that are completed or cancelled announce nothing. */
    private static List<Announcement> maintenance(String said) throws Garbage {
        String what = "events/maintenance/scheduled";
        JsonNode events = Documents.json(what, said);
        if (!events.isArray()) {
            throw new Garbage(what, said);
        }
        List<Announcement> standing = new ArrayList<>();
        for (JsonNode event : events) {
            if (Documents.text(what, event, "State").equals("active")) {
                Deadline begins = new Deadline.At(Documents.awsTime(what + " (its 'NotBefore')", Documents.text(what, event, "NotBefore")));
                standing.add(new Announcement(Documents.text(what, event, "EventId"), NoticeKind.MAINTENANCE, begins, 1, "scheduled: " + Documents.text(what, event, "Code")));
            }
        }
        return standing;
    }

    /** Terminated: the group has begun to end the instance; its lifecycle hook decides how long that takes, and the metadata does not say. */
    private static List<Announcement> autoscaling(String said) throws Garbage {
        String state = said.strip();
        if (!TARGET_STATES.contains(state)) {
            throw new Garbage("autoscaling/target-lifecycle-state", said);
        }
        boolean ends = state.equals("Terminated") || state.equals("Warmed:Terminated");
        return ends ? List.of(new Announcement(state, NoticeKind.FINAL, new Deadline.Unknown(), 1, "the autoscaling group ends the instance")) : List.of();
    }

    @Override
    public Duration pause() {
        return poll;
    }

    @Override
    public int looksUntilGone() {
        return 3;
    }
}
