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
import java.util.function.Predicate;

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
        // What has begun goes on while what it began for stands, also if that is put off: maintenance that is announced beside it begins nothing later.
        Optional<Evacuation> goesOn = open.filter(one -> EvacuationRecords.isMoving(one) && !isTakenBack(notices, one));
        Predicate<Notice> ahead = notice -> begins(notice, config) > state.now() && goesOn.filter(one -> one.getNotice().equals(notice.getId())).isEmpty();
        // What was dealt with begins nothing anew, so nothing may come there meanwhile.
        if (goesOn.isEmpty() && notices.stream().filter(Notices::stands).allMatch(notice -> ahead.test(notice) && !isDealtWith(notice, evacuations))) {
            // It is or was emptied, and lives on: its machine came back, or never went.
            evacuations.stream().filter(one -> one.getTakenBack() || isTakenBack(notices, one)).forEach(one -> NodeDirectory.reopen(state, node, Evacuations.closingReason(one)));
        }
        Optional<Notice> urgent = notices.stream().filter(notice -> Notices.stands(notice) && !isDealtWith(notice, evacuations)).min(mostUrgentFirst(ahead, config));
        boolean ends = goesOn.isEmpty() && urgent.filter(notice -> !ahead.test(notice)).isEmpty();
        Optional<Evacuation> ending = open.filter(one -> ends && (urgent.isEmpty() ? isTakenBack(notices, one) : one.getState() == EvacuationState.EVACUATING));
        if (ending.isPresent()) {
            // Also where something lies ahead, were it under the same name: that is another evacuation, when this one is over.
            ending.filter(one -> !one.getTakenBack()).ifPresent(one -> EvacuationRecords.put(state, one.toBuilder().setTakenBack(true).build()));
            return Optional.empty();
        }
        if (urgent.isEmpty()) {
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
        return evacuations.stream().anyMatch(one -> EvacuationRecords.isOf(one, notice) && !EvacuationRecords.isOpen(one) && one.getState() != EvacuationState.TAKEN_BACK);
    }

    /** Whether what a notice came to is over, and jobs are there all the same: "evacuated" would be said of a machine that is not empty. */
    static boolean mustBeginAnew(Transaction state, Notice notice) {
        return isDealtWith(notice, state.records(EvacuationRecords.KIND, RecordQuery.of(notice.getNode()))) && state.liveJobs().stream().anyMatch(job -> Situation.isThere(job, notice.getNode()));
    }

    private static Comparator<Notice> mostUrgentFirst(Predicate<Notice> ahead, EvacuationConfig config) {
        return Comparator.comparingInt((Notice notice) -> rank(notice, ahead)).thenComparingLong(notice -> deadline(notice, config)).thenComparing(Notice::getId);
    }

    /** Maintenance that lies ahead keeps nobody from making images for advice that stands now. */
    private static int rank(Notice notice, Predicate<Notice> ahead) {
        return switch (notice.getKind()) {
            case FINAL -> 0;
            case MAINTENANCE -> ahead.test(notice) ? 3 : 1;
            case ADVISORY, NOTICE_KIND_UNSPECIFIED, UNRECOGNIZED -> 2;
        };
    }

    private static long deadline(Notice notice, EvacuationConfig config) {
        return notice.getDeadline() != 0 ? notice.getDeadline() : notice.getFirstSeenAt() + Durations.parse(config.finalNotice()).toMillis();
    }

    private static long begins(Notice notice, EvacuationConfig config) {
        long lead = Durations.parse(config.maintenanceLead()).toMillis();
        return notice.getKind() == NoticeKind.MAINTENANCE ? Math.max(notice.getFirstSeenAt(), deadline(notice, config) - lead) : notice.getFirstSeenAt();
    }

    private static Evacuation evacuation(Transaction state, Notice notice, Optional<Evacuation> open, EvacuationConfig config) {
        Evacuation before = open.orElseGet(() -> Evacuation.newBuilder().setId("ev-" + Ids.random(8)).setNode(notice.getNode()).setState(EvacuationState.AWAITED).setBeganAt(state.now()).build());
        return before.toBuilder()
                .setNotice(notice.getId())
                .setKind(notice.getKind())
                .setReason(notice.getDetail())
                .setDeadline(deadline(notice, config))
                .setBeginsAt(begins(notice, config))
                .setTakenBack(false)
                .build();
    }

    private static boolean isTakenBack(List<Notice> notices, Evacuation evacuation) {
        return notices.stream().filter(notice -> notice.getId().equals(evacuation.getNotice())).allMatch(notice -> notice.getState() == NoticeState.WITHDRAWN);
    }
}
