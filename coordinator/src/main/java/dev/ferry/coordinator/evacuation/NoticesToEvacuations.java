package dev.ferry.coordinator.evacuation;

import dev.ferry.common.Durations;
import dev.ferry.common.Ids;
import dev.ferry.coordinator.nodes.NodeDirectory;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.EvacuationState;
import dev.ferry.proto.v1.Notice;
import dev.ferry.proto.v1.NoticeKind;
import dev.ferry.proto.v1.NoticeState;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Which evacuation the notices about a node come to: at most one is open for a node at a time. The most urgent notice that was not dealt with
 * decides; a final one takes the place of advice or maintenance, an earlier deadline that of a later one.
 */
final class NoticesToEvacuations {
    private NoticesToEvacuations() {}

    /**
     * Writes what follows from all that stands on a node.
     *
     * @return the evacuation that is new, or is another than before; empty: nothing changes
     */
    static Optional<Evacuation> takeUp(Transaction state, String node, EvacuationConfig config) {
        List<Notice> notices = state.records(Notices.KIND, RecordQuery.of(node));
        List<Evacuation> evacuations = state.records(EvacuationRecords.KIND, RecordQuery.of(node).newestFirst());
        Optional<Evacuation> open = evacuations.stream().filter(EvacuationRecords::isOpen).findFirst();
        Optional<Notice> urgent = notices.stream().filter(notice -> notice.getState() == NoticeState.STANDING && !isDealtWith(notice, evacuations)).min(mostUrgentFirst(config));
        if (urgent.isEmpty()) {
            open.filter(one -> isTakenBack(notices, one)).ifPresent(one -> takeBack(state, one));
            // It was emptied, and lives on: its machine came back, or never went.
            evacuations.stream().filter(one -> !EvacuationRecords.isOpen(one) && isTakenBack(notices, one)).forEach(one -> NodeDirectory.reopen(state, node, Evacuations.closingReason(one)));
            return Optional.empty();
        }
        Evacuation wanted = evacuation(state, urgent.get(), open, config);
        if (open.filter(wanted::equals).isPresent()) {
            return Optional.empty();
        }
        EvacuationRecords.put(state, wanted);
        return Optional.of(wanted);
    }

    /** The evacuation that a notice came to, of its own or together with others. */
    static Evacuation of(Transaction state, Notice notice) {
        List<Evacuation> all = state.records(EvacuationRecords.KIND, RecordQuery.of(notice.getNode()).newestFirst());
        return all.stream().filter(one -> EvacuationRecords.isOf(one, notice)).findFirst().or(() -> all.stream().filter(EvacuationRecords::isOpen).findFirst()).orElseThrow();
    }

    /** Those of a node that have left nothing on it, and whose notice stands. */
    static List<Evacuation> dealtWith(Transaction state, String node) {
        return state.records(Notices.KIND, RecordQuery.of(node)).stream()
                .filter(notice -> notice.getState() == NoticeState.STANDING)
                .flatMap(notice -> EvacuationRecords.of(state, notice))
                .filter(Evacuations::isEmptied)
                .toList();
    }

    /** An evacuation that has ended needs no second one, however often its notice is told. */
    private static boolean isDealtWith(Notice notice, List<Evacuation> evacuations) {
        return evacuations.stream().anyMatch(one -> EvacuationRecords.isOf(one, notice) && !EvacuationRecords.isOpen(one));
    }

    /** Whether what a notice came to is over, and jobs are there all the same: "evacuated" would be said of a machine that is not empty. */
    static boolean mustBeginAnew(Transaction state, Notice notice) {
        return isDealtWith(notice, state.records(EvacuationRecords.KIND, RecordQuery.of(notice.getNode()))) && state.liveJobs().stream().anyMatch(job -> Situation.isThere(job, notice.getNode()));
    }

    private static Comparator<Notice> mostUrgentFirst(EvacuationConfig config) {
        return Comparator.comparingInt((Notice notice) -> rank(notice.getKind())).thenComparingLong(notice -> deadline(notice, config)).thenComparing(Notice::getId);
    }

    private static int rank(NoticeKind kind) {
        return switch (kind) {
            case FINAL -> 0;
            case MAINTENANCE -> 1;
            case ADVISORY, NOTICE_KIND_UNSPECIFIED, UNRECOGNIZED -> 2;
        };
    }

    private static long deadline(Notice notice, EvacuationConfig config) {
        return notice.getDeadline() != 0 ? notice.getDeadline() : notice.getFirstSeenAt() + Durations.parse(config.finalNotice()).toMillis();
    }

    private static Evacuation evacuation(Transaction state, Notice notice, Optional<Evacuation> open, EvacuationConfig config) {
        long deadline = deadline(notice, config);
        long begins = notice.getKind() == NoticeKind.MAINTENANCE ? Math.max(notice.getFirstSeenAt(), deadline - Durations.parse(config.maintenanceLead()).toMillis()) : notice.getFirstSeenAt();
        Evacuation before = open.orElseGet(() -> Evacuation.newBuilder().setId("ev-" + Ids.random(8)).setNode(notice.getNode()).setState(EvacuationState.AWAITED).setBeganAt(state.now()).build());
        // What has begun goes on: a maintenance that is announced beside it begins nothing later.
        return before.toBuilder().setNotice(notice.getId()).setKind(notice.getKind()).setReason(notice.getDetail()).setDeadline(deadline).setBeginsAt(begins).setTakenBack(false).build();
    }

    private static boolean isTakenBack(List<Notice> notices, Evacuation evacuation) {
        return notices.stream().filter(notice -> notice.getId().equals(evacuation.getNotice())).allMatch(notice -> notice.getState() == NoticeState.WITHDRAWN);
    }

    private static void takeBack(Transaction state, Evacuation open) {
        EvacuationRecords.put(state, open.toBuilder().setTakenBack(true).build());
        NodeDirectory.reopen(state, open.getNode(), Evacuations.closingReason(open));
    }
}
