package dev.ferry.coordinator.evacuation;

import dev.ferry.common.Clock;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.coordinator.nodes.NodeDirectory;
import dev.ferry.coordinator.store.RecordKind;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GoneWord;
import dev.ferry.proto.v1.NoticeState;
import dev.ferry.proto.v1.ProofKind;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Words of clouds that machines do not exist any more. Each waits in the store until the node's stream is over too; then it is a proof. */
final class GoneWords {
    /** A cloud's word that waits until the node's stream is over. */
    static final RecordKind<GoneWord> KIND = RecordKind.of("gone-word", GoneWord.parser(), GoneWord::getNode);

    private static final Logger LOG = LoggerFactory.getLogger(GoneWords.class);
    /** What is heard later than this after a cloud's word that the machine is gone was said by a machine that is not: the word was wrong. */
    private static final Duration LAST_WORDS = Duration.ofSeconds(5);

    private final StateStore store;
    private final NodeDirectory directory;
    private final CommandDesk desk;
    private final Clock clock;
    /** Since when words about nodes wait here, on the monotonic clock. */
    private final Map<String, Long> since = new ConcurrentHashMap<>();

    GoneWords(StateStore store, NodeDirectory directory, CommandDesk desk, Clock clock) {
        this.store = store;
        this.directory = directory;
        this.desk = desk;
        this.clock = clock;
    }

    /** Takes each word that can be taken now; whether there were any. */
    boolean look() {
        List<GoneWord> words = store.transact(state -> state.records(KIND, RecordQuery.all()));
        words.forEach(this::take);
        return !words.isEmpty();
    }

    /** A cloud has said that a machine does not exist any more: as soon as its stream is over too, what ran there may go on elsewhere. */
    private void take(GoneWord word) {
        if (desk.isConnected(word.getNode())) {
            Duration waited = clock.since(since.computeIfAbsent(word.getNode(), node -> clock.nanos()));
            boolean wrong = desk.silence(word.getNode()).filter(silence -> waited.minus(silence).compareTo(LAST_WORDS) > 0).isPresent();
            if (wrong) {
                LOG.error("{} has said that the machine of node {} is gone ({}), and its daemon answers: the word is passed over", word.getSource(), word.getNode(), word.getEvidence());
                forget(word);
            }
            return;
        }
        String said = word.getSource() + ": " + word.getEvidence();
        try {
            var unused = directory.declareDead(word.getNode(), ProofKind.PROOF_CLOUD, said);
            since.remove(word.getNode());
            LOG.warn("node {} is gone, by the word of {}", word.getNode(), said);
            store.transact(
                    state -> {
                        EvacuationRecords.open(state).stream().filter(one -> one.getNode().equals(word.getNode())).forEach(one -> EvacuationRecords.put(state, one.toBuilder().setGone(said).build()));
                        // Nobody is left there who could take it back.
                        state.records(Notices.KIND, RecordQuery.of(word.getNode())).forEach(one -> state.put(Notices.KIND, one.toBuilder().setState(NoticeState.WITHDRAWN).setChangedAt(state.now()).build()));
                        state.delete(KIND, word.getNode());
                        return true;
                    });
        } catch (FerryException refused) {
            LOG.info("node {} is not declared dead yet: {}", word.getNode(), refused.getMessage());
        }
    }

    private void forget(GoneWord word) {
        since.remove(word.getNode());
        store.transact(
                state -> {
                    state.delete(KIND, word.getNode());
                    return true;
                });
    }

    /**
     * Takes down a cloud's word that a node's machine is gone.
     *
     * @throws FerryException NODE_NOT_FOUND, INVALID_ARGUMENT
     */
    void takeDown(String node, String source, String evidence) {
        if (source.isBlank() || evidence.isBlank()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Say who says that the machine is gone (source) and what it says (evidence): it is the proof on which its jobs start elsewhere");
        }
        store.transact(
                state -> {
                    String known = NodeDirectory.node(state, node).getName();
                    state.put(KIND, GoneWord.newBuilder().setNode(known).setSource(source).setEvidence(evidence).setToldAt(state.now()).build());
                    return true;
                });
    }
}
