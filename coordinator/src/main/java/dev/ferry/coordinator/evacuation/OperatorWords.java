package dev.ferry.coordinator.evacuation;

import dev.ferry.common.Ids;
import dev.ferry.coordinator.nodes.NodeDirectory;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.EvacuationState;
import dev.ferry.proto.v1.Notice;
import dev.ferry.proto.v1.NoticeKind;
import dev.ferry.proto.v1.NoticeState;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;

/** What operators, and hooks in their name, say of a machine: that it goes away, that it stays after all; and what would be done if it went. Who asks is told what was made of it. */
final class OperatorWords {
    private static final String OPERATOR = "operator";

    private final StateStore store;
    private final Evacuator evacuator;
    private final EvacuationConfig config;
    private final Consumer<String> changed;

    /**
     * @param changed told of the node of each word, also when the database has written it and not said so
     */
    OperatorWords(StateStore store, Evacuator evacuator, EvacuationConfig config, Consumer<String> changed) {
        this.store = store;
        this.evacuator = evacuator;
        this.config = config;
        this.changed = changed;
    }

    /** An operator's word, or that of a hook, that a machine goes away: told twice under one name, it is one evacuation. */
    Evacuation evacuate(String node, Duration deadline, String reason, String event) {
        Notice notice =
                store.transact(
                        state -> {
                            String known = NodeDirectory.up(state, node).getName();
                            String name = event.isEmpty() ? Ids.random(8) : event;
                            Notice told =
                                    Notice.newBuilder()
                                            .setId(Notices.id(known, OPERATOR, name))
                                            .setNode(known)
                                            .setSource(OPERATOR)
                                            .setEvent(name)
                                            .setKind(NoticeKind.FINAL)
                                            .setState(NoticeState.STANDING)
                                            .setDeadline(state.now() + deadline.toMillis())
                                            .setConfidence(1)
                                            .setDetail(reason.isEmpty() ? "an operator" : reason)
                                            .setFirstSeenAt(state.now())
                                            .setChangedAt(state.now())
                                            .build();
                            Notice first = state.record(Notices.KIND, told.getId()).filter(before -> Notices.stands(before) && !NoticesToEvacuations.mustBeginAnew(state, before)).orElse(told);
                            state.put(Notices.KIND, first);
                            return first;
                        });
        try {
            // Here and not on the strand of the looks: whoever asks waits for it.
            return store.transact(state -> {
                Optional<Evacuation> ignored = NoticesToEvacuations.takeUp(state, notice.getNode(), config);
                Evacuation found = NoticesToEvacuations.of(state, notice);
                Evacuation planned = evacuator.decide(state, found).after();
                EvacuationRecords.put(state, planned);
                Evacuations.closeNode(state, planned);
                return planned;
            });
        } finally {
            changed.accept(notice.getNode());
        }
    }

    /** An operator takes back what operators and hooks have said of a node; what its cloud says stands. */
    void takeBack(String node) {
        try {
            store.transact(
                    state -> {
                        for (Notice notice : state.records(Notices.KIND, RecordQuery.of(node))) {
                            if (notice.getSource().equals(OPERATOR) && notice.getState() == NoticeState.STANDING) {
                                state.put(Notices.KIND, notice.toBuilder().setState(NoticeState.WITHDRAWN).setChangedAt(state.now()).build());
                            }
                        }
                        return NoticesToEvacuations.takeUp(state, node, config);
                    });
        } finally {
            changed.accept(node);
        }
    }

    /** What would be done if a machine went away. */
    Evacuation dryRun(String node, Duration deadline, String reason) {
        return store.transact(
                state -> {
                    Evacuation.Builder wanted =
                            Evacuation.newBuilder().setNode(NodeDirectory.up(state, node).getName()).setKind(NoticeKind.FINAL).setState(EvacuationState.EVACUATING).setReason(reason).setDeadline(state.now() + deadline.toMillis()).setBeganAt(state.now());
                    return evacuator.dryRun(state, wanted.build());
                });
    }
}
