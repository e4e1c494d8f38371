package dev.ferry.node.notices;

import dev.ferry.common.Clock;
import dev.ferry.node.notices.Announcement.Deadline;
import dev.ferry.proto.v1.NodeNotices;
import dev.ferry.proto.v1.Notice;
import dev.ferry.proto.v1.NoticeState;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What stands on this node now. What a source says again changes nothing; what it says no more is taken back after some looks. Safe for threads. */
final class NoticeBoard {
    private static final Logger LOG = LoggerFactory.getLogger(NoticeBoard.class);

    private final String node;
    private final Clock clock;
    /** By source, then by event. A source that was never looked at is not in it. */
    private final Map<String, Map<String, Held>> bySource = new TreeMap<>();

    /**
     * @param deadline milliseconds since 1970, UTC; empty: not known
     * @param missed in how many looks in a row it was not announced
     */
    private record Held(Announcement said, long firstSeen, Optional<Long> deadline, int missed) {}

    NoticeBoard(String node, Clock clock) {
        this.node = node;
        this.clock = clock;
    }

    /**
     * A source has been looked at.
     *
     * @return whether something is new, different or taken back, or the source was looked at for the first time
     */
    synchronized boolean looked(NoticeSource source, List<Announcement> announced) {
        boolean first = !bySource.containsKey(source.name());
        Map<String, Held> held = bySource.computeIfAbsent(source.name(), name -> new TreeMap<>());
        Map<String, Announcement> now = new HashMap<>();
        announced.forEach(one -> now.put(one.event(), one));
        boolean changed = first;
        for (Map.Entry<String, Held> entry : List.copyOf(held.entrySet())) {
            if (!now.containsKey(entry.getKey())) {
                Held before = entry.getValue();
                boolean gone = before.missed() + 1 >= source.looksUntilGone();
                if (gone) {
                    LOG.warn("{} takes back: {} (event {})", source.name(), before.said().detail(), entry.getKey());
                    held.remove(entry.getKey());
                } else {
                    held.put(entry.getKey(), new Held(before.said(), before.firstSeen(), before.deadline(), before.missed() + 1));
                }
                changed |= gone;
            }
        }
        for (Announcement one : now.values()) {
            Held before = held.get(one.event());
            Held after = before != null && before.said().equals(one) ? new Held(one, before.firstSeen(), before.deadline(), 0) : hold(one, before == null ? clock.millis() : before.firstSeen());
            held.put(one.event(), after);
            if (before == null || !before.said().equals(one)) {
                LOG.warn("{} announces: {} ({}, event {})", source.name(), one.detail(), one.kind(), one.event());
                changed = true;
            }
        }
        return changed;
    }

    private static Held hold(Announcement one, long firstSeen) {
        Optional<Long> deadline =
                switch (one.deadline()) {
                    case Deadline.At at -> Optional.of(at.time().toEpochMilli());
                    case Deadline.After after -> Optional.of(firstSeen + after.notice().toMillis());
                    case Deadline.Unknown unknown -> Optional.empty();
                };
        return new Held(one, firstSeen, deadline, 0);
    }

    /** All that stands, as the coordinator is told it. */
    synchronized NodeNotices standing() {
        NodeNotices.Builder all = NodeNotices.newBuilder().addAllSources(bySource.keySet());
        long now = clock.millis();
        bySource.forEach((source, events) -> events.values().forEach(held -> all.addStanding(notice(source, held, now))));
        return all.build();
    }

    private Notice notice(String source, Held held, long now) {
        Announcement said = held.said();
        Notice.Builder notice =
                Notice.newBuilder()
                        .setId(node + "/" + source + "/" + said.event())
                        .setNode(node)
                        .setSource(source)
                        .setEvent(said.event())
                        .setKind(said.kind())
                        .setState(NoticeState.STANDING)
                        .setConfidence(said.confidence())
                        .setDetail(said.detail())
                        .setFirstSeenAt(held.firstSeen());
        held.deadline().ifPresent(deadline -> notice.setDeadline(deadline).setRemainingMillis(deadline - now).setSinceFirstSeen(said.deadline() instanceof Deadline.After));
        return notice.build();
    }
}
