package dev.ferry.coordinator.evacuation;

import dev.ferry.coordinator.store.RecordKind;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.EvacuationOrBuilder;
import dev.ferry.proto.v1.EvacuationState;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Notice;
import dev.ferry.proto.v1.NoticeKind;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The records of evacuations. Which are open is a list of its own: one may be announced weeks ahead, and thousands begin and end meanwhile. */
public final class EvacuationRecords {
    /** The record of one evacuation; its parent is the node. */
    public static final RecordKind<Evacuation> KIND = new RecordKind<>("evacuation", Evacuation.parser(), Evacuation::getId, Evacuation::getNode, Evacuation::getBeganAt);

    /** Only the ids of those that are open. */
    private static final RecordKind<Evacuation> OPEN = RecordKind.of("evacuation-open", Evacuation.parser(), Evacuation::getId);
    /** Those of a state that was written before there was the list of open ones. */
    private static final int MOST_LISTED_ANEW = 1000;
    /** Twice as long as what pools look back to. */
    private static final Duration KEPT = Pools.LOOKED_BACK.multipliedBy(2);

    private EvacuationRecords() {}

    static void put(Transaction state, Evacuation evacuation) {
        state.put(KIND, evacuation);
        if (isOpen(evacuation)) {
            state.put(OPEN, Evacuation.newBuilder().setId(evacuation.getId()).build());
        } else {
            state.delete(OPEN, evacuation.getId());
        }
    }

    static boolean isOpen(Evacuation evacuation) {
        return evacuation.getState() == EvacuationState.AWAITED || evacuation.getState() == EvacuationState.EVACUATING;
    }

    /** Whether its jobs are being moved off: not while it only advises, lies ahead or was taken back. */
    static boolean isMoving(EvacuationOrBuilder evacuation) {
        return evacuation.getState() == EvacuationState.EVACUATING && evacuation.getKind() != NoticeKind.ADVISORY && !evacuation.getTakenBack();
    }

    /** All that are open, in no order. */
    static List<Evacuation> open(Transaction state) {
        return state.records(OPEN, RecordQuery.all()).stream().map(one -> state.record(KIND, one.getId())).flatMap(Optional::stream).filter(EvacuationRecords::isOpen).toList();
    }

    /** Those that a notice came to by itself, the newest first. */
    static Stream<Evacuation> of(Transaction state, Notice notice) {
        return state.records(KIND, RecordQuery.of(notice.getNode()).newestFirst()).stream().filter(one -> isOf(one, notice));
    }

    /** Whether a notice came to an evacuation: not to one that was over before the notice stood anew. */
    static boolean isOf(Evacuation evacuation, Notice notice) {
        return evacuation.getNotice().equals(notice.getId()) && (isOpen(evacuation) || evacuation.getEndedAt() >= notice.getFirstSeenAt());
    }

    /** Lists the open ones anew, and lets go what ended long ago. */
    static boolean tidy(Transaction state) {
        state.records(KIND, RecordQuery.all().newestFirst().atMost(MOST_LISTED_ANEW)).stream().filter(EvacuationRecords::isOpen).forEach(one -> put(state, one));
        // One whose notice stands is what says that the notice was dealt with.
        List<Evacuation> kept =
                Stream.concat(open(state).stream(), Notices.standing(state).stream().flatMap(notice -> of(state, notice))).toList();
        int ignored = state.deleteBefore(KIND, state.now() - KEPT.toMillis());
        kept.forEach(one -> put(state, one));
        return true;
    }

    /** Whether an evacuation of its node is at work that has this job among its own. */
    public static boolean bringsBack(Transaction state, Job job) {
        return open(state).stream()
                .filter(one -> one.getNode().equals(job.getNode()) && one.getState() == EvacuationState.EVACUATING)
                .anyMatch(one -> one.getJobsList().stream().anyMatch(evacuee -> evacuee.getJob().equals(job.getId())));
    }
}
