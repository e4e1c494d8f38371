package dev.ferry.coordinator.evacuation;

import dev.ferry.coordinator.store.RecordKind;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ListNoticesResponse;
import dev.ferry.proto.v1.NodeNotices;
import dev.ferry.proto.v1.Notice;
import dev.ferry.proto.v1.NoticeKind;
import dev.ferry.proto.v1.NoticeState;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is announced about nodes' machines, durable. However often a notice is told, by whichever stream, it is one record; one that its
 * source announces no more is taken back, as soon as the source has been looked at again.
 */
public final class Notices {
    /** The record of one notice; its parent is the node. */
    public static final RecordKind<Notice> KIND = new RecordKind<>("notice", Notice.parser(), Notice::getId, Notice::getNode, Notice::getFirstSeenAt);

    private static final Logger LOG = LoggerFactory.getLogger(Notices.class);
    /** No machine is told more than this ahead that it goes. */
    public static final Duration LONGEST = Duration.ofDays(60);

    private static final Duration KEPT = Duration.ofDays(400);
    /** Told twice, a deadline differs by the time that the message took: that is no change. */
    private static final long SAME_MILLIS = 2000;
    private static final int LONGEST_ID = 512;

    private final StateStore store;
    private volatile Consumer<String> onChange = node -> {};

    public Notices(StateStore store) {
        this.store = store;
    }

    /** Sets who is told the node whose daemon has said what is announced. */
    public void onChange(Consumer<String> listener) {
        onChange = listener;
    }

    /** What a node's daemon says of its machine. */
    public void reported(String node, NodeNotices told) {
        boolean ignored = store.transact(state -> write(state, node, told));
        // Also when it is told again: it may have been written before, and whoever wrote it ended before anybody was told.
        onChange.accept(node);
    }

    static List<Notice> standing(Transaction state) {
        return state.records(KIND, RecordQuery.all()).stream().filter(notice -> notice.getState() == NoticeState.STANDING).toList();
    }

    private static boolean write(Transaction state, String node, NodeNotices told) {
        boolean changed = false;
        for (Notice one : told.getStandingList()) {
            if (!isWellFormed(node, one)) {
                LOG.warn("node {} tells a notice that is none, and it is passed over: {}", node, one.getId());
                continue;
            }
            changed |= write(state, one);
        }
        Set<String> standing = told.getStandingList().stream().map(Notice::getId).collect(Collectors.toSet());
        for (Notice before : state.records(KIND, RecordQuery.of(node))) {
            boolean gone = before.getState() == NoticeState.STANDING && told.getSourcesList().contains(before.getSource()) && !standing.contains(before.getId());
            if (gone) {
                LOG.warn("notice {} is taken back", before.getId());
                state.put(KIND, before.toBuilder().setState(NoticeState.WITHDRAWN).setChangedAt(state.now()).build());
                changed = true;
            }
        }
        if (changed) {
            int ignored = state.deleteBefore(KIND, state.now() - KEPT.toMillis());
        }
        return changed;
    }

    /** A daemon speaks of its own machine only. */
    private static boolean isWellFormed(String node, Notice one) {
        boolean kind = one.getKind() == NoticeKind.ADVISORY || one.getKind() == NoticeKind.FINAL || one.getKind() == NoticeKind.MAINTENANCE;
        boolean named = one.getNode().equals(node) && !one.getSource().isEmpty() && !one.getEvent().isEmpty() && one.getId().equals(id(node, one.getSource(), one.getEvent())) && one.getId().length() <= LONGEST_ID;
        return kind && named && one.getConfidence() >= 0 && one.getConfidence() <= 1;
    }

    /** The id of a notice. */
    public static String id(String node, String source, String event) {
        return node + "/" + source + "/" + event;
    }

    /** One that was taken back and is announced again is a new one: jobs may have come to its machine meanwhile. */
    static boolean stands(Notice notice) {
        return notice.getState() == NoticeState.STANDING;
    }

    private static boolean write(Transaction state, Notice told) {
        Optional<Notice> before = state.record(KIND, told.getId());
        long deadline = told.hasRemainingMillis() ? Math.max(1, state.now() + Math.clamp(told.getRemainingMillis(), -LONGEST.toMillis(), LONGEST.toMillis())) : 0;
        Notice.Builder now = told.toBuilder().clearRemainingMillis().setState(NoticeState.STANDING).setDeadline(deadline).setFirstSeenAt(before.filter(Notices::stands).map(Notice::getFirstSeenAt).orElse(state.now()));
        long known = before.map(Notice::getDeadline).orElse(0L);
        boolean countedAnew = told.getSinceFirstSeen() && known > 0 && known < deadline && before.filter(Notices::stands).isPresent();
        if (before.isPresent() && (countedAnew || Math.abs(known - deadline) < SAME_MILLIS)) {
            now.setDeadline(known);
        }
        Notice written = now.setChangedAt(before.map(Notice::getChangedAt).orElse(0L)).build();
        if (before.filter(written::equals).isPresent()) {
            return false;
        }
        state.put(KIND, written.toBuilder().setChangedAt(state.now()).build());
        LOG.warn("notice {}: {} ({})", told.getId(), told.getDetail(), told.getKind());
        return true;
    }

    /**
     * Those about a node, the newest first.
     *
     * @param node empty: about all
     * @param all also those that were taken back or whose time is over
     */
    public ListNoticesResponse list(String node, boolean all) {
        RecordQuery wanted = (node.isEmpty() ? RecordQuery.all() : RecordQuery.of(node)).newestFirst();
        List<Notice> found = store.transact(state -> state.records(KIND, wanted).stream().filter(one -> all || one.getState() == NoticeState.STANDING).toList());
        return ListNoticesResponse.newBuilder().addAllNotices(found).build();
    }
}
