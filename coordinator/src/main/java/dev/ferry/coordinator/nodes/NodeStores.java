package dev.ferry.coordinator.nodes;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.StoreSight;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether nodes see the coordinator's store. One that does not gets no jobs, and no image that is made there counts: its jobs would be killed here and found nowhere.
 * They stay where they are and run on. A daemon from before stores had ids says nothing, and is believed.
 */
public final class NodeStores {
    private static final Logger LOG = LoggerFactory.getLogger(NodeStores.class);
    private static final String WHAT_TO_DO = "; give the coordinator and this node the same store.url, a bucket or a folder that every machine mounts, and restart the one that was changed";

    private final StateStore store;
    private volatile Supplier<StoreSight> own = StoreSight::getDefaultInstance;

    NodeStores(StateStore store) {
        this.store = store;
    }

    void own(Supplier<StoreSight> sight) {
        own = sight;
    }

    /** What this coordinator sees. */
    StoreSight own() {
        return own.get();
    }

    /** It sees something else than before: all nodes are judged by that. */
    void ownChanged() {
        store.transact(
                state -> {
                    state.nodes().forEach(node -> write(state, node, node.getFacts()));
                    return true;
                });
    }

    /** A daemon sees something else than before. */
    void sees(String name, StoreSight sight) {
        store.transact(
                state -> {
                    state.node(name).ifPresent(node -> write(state, node, node.getFacts().toBuilder().setStore(sight).build()));
                    return true;
                });
    }

    private void write(Transaction state, Node node, NodeFacts facts) {
        Node.Builder changed = node.toBuilder();
        judge(changed, facts);
        Node now = changed.setFacts(facts).build();
        if (!now.equals(node)) {
            state.put(now);
        }
    }

    /**
     * Writes into a node's record what its daemon's sight of the store means.
     *
     * @param node with the facts of before
     * @param now the facts that its daemon has said
     */
    void judge(Node.Builder node, NodeFacts now) {
        StoreSight here = own.get();
        StoreSight there = now.getStore();
        boolean wasTheSame = node.getStoreProblem().isEmpty() && node.getFacts().getStore().getId().equals(there.getId());
        String before = node.getStoreProblem();
        boolean known = !here.getId().isEmpty();
        boolean wasOther = node.getOtherStore();
        node.clearStoreProblem().clearOtherStore();
        if (!now.hasStore() || (!there.getId().isEmpty() && (known ? here.getId().equals(there.getId()) : wasTheSame))) {
            if (!before.isEmpty()) {
                LOG.info("node {} sees the coordinator's store now, and may get jobs", node.getName());
            }
            return;
        }
        if (!known) {
            // Nothing is known of it; a node that was proven before stays so, and one of another store too: an image that is made there is found by nobody.
            node.setOtherStore(wasOther).setStoreProblem("gets no jobs until the coordinator can read its own store " + here.getPlace() + ": " + here.getProblem());
        } else if (there.getId().isEmpty() && !there.getUnmarked()) {
            node.setOtherStore(wasOther).setStoreProblem("gets no jobs until it can read the coordinator's store " + here.getPlace() + ": " + there.getProblem());
        } else {
            node.setOtherStore(true).setStoreProblem("gets no jobs: its store " + there.getPlace() + " is not the coordinator's " + here.getPlace() + WHAT_TO_DO);
        }
        if (!node.getStoreProblem().equals(before)) {
            LOG.warn("node {} {}", node.getName(), node.getStoreProblem());
        }
    }

    /**
     * @throws FerryException OTHER_STORE: an image that is made on this node would not be found
     */
    public static void requireShared(Transaction state, String name) {
        state.node(name)
                .filter(Node::getOtherStore)
                .ifPresent(
                        node -> {
                            throw new FerryException(ErrorCode.OTHER_STORE, "Nothing can be saved on node " + name + ", which " + node.getStoreProblem());
                        });
    }
}
