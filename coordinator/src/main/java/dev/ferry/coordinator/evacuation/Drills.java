package dev.ferry.coordinator.evacuation;

import dev.ferry.common.Clock;
import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.common.Scheduler;
import dev.ferry.common.Strand;
import dev.ferry.coordinator.api.Verbs;
import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.coordinator.nodes.NodeDirectory;
import dev.ferry.coordinator.placement.NodeFit;
import dev.ferry.coordinator.store.RecordKind;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Drill;
import dev.ferry.proto.v1.DrillKind;
import dev.ferry.proto.v1.DrillOutcome;
import dev.ferry.proto.v1.DrillState;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Operation;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Rehearsals, on demand and by the clock. One is open at a time, so that none disturbs what another measures. What it has come to is in the
 * store: after a restart it goes on.
 */
public final class Drills implements AutoCloseable {
    /** The record of one drill; its parent is the node, or nothing. */
    public static final RecordKind<Drill> KIND = new RecordKind<>("drill", Drill.parser(), Drill::getId, Drill::getNode, Drill::getBeganAt);

    private static final Logger LOG = LoggerFactory.getLogger(Drills.class);
    /** While a drill is open: its times are as fine as that. */
    private static final Duration LOOK = Duration.ofMillis(200);

    private static final Duration IDLE_LOOK = Duration.ofSeconds(2);
    private static final int MOST_KEPT = 200;

    private final StateStore store;
    private final Verbs verbs;
    private final DrillConfig config;
    private final NodeDrill nodes;
    private final RestoreDrill images;
    private final Scheduler scheduler;
    private final Strand strand;
    private Scheduler.Timer next = () -> {};
    private volatile boolean closed;

    /**
     * @param restoreDeadline how long a node may take to restore an image
     */
    public Drills(StateStore store, Verbs verbs, CommandDesk desk, EvacuationConfig evacuation, DrillConfig config, Duration restoreDeadline, Clock clock, Scheduler scheduler) {
        this.store = store;
        this.verbs = verbs;
        this.config = config;
        images = new RestoreDrill(store, desk, restoreDeadline, clock);
        this.scheduler = scheduler;
        nodes = new NodeDrill(evacuation);
        strand = new Strand(scheduler);
    }

    /** Goes on with what an earlier coordinator left, and begins what is due. */
    public void start() {
        strand.execute(this::tick);
    }

    private void tick() {
        boolean busy = false;
        try {
            busy = !closed && look();
        } catch (RuntimeException | Error failed) {
            LOG.error("drills could not be looked at", failed);
        }
        if (!closed) {
            next.cancel();
            next = scheduler.after(busy ? LOOK : IDLE_LOOK, () -> strand.execute(this::tick));
        }
    }

    /** What somebody waits for begins at once. */
    private Drill begun(Drill drill) {
        strand.execute(this::tick);
        return drill;
    }

    /** @return whether a drill is open */
    private boolean look() {
        Optional<Drill> open = store.transact(Drills::open);
        if (open.isEmpty()) {
            return store.transact(this::beginWhatIsDue);
        }
        switch (open.get().getKind()) {
            case DRILL_NODE -> lookAtNode(open.get());
            case DRILL_RESTORE -> images.look(open.get());
            case DRILL_KIND_UNSPECIFIED, UNRECOGNIZED -> throw new IllegalStateException("a drill of no kind: " + open.get().getId());
        }
        Optional<Drill> now = store.transact(state -> state.record(KIND, open.get().getId()));
        now.filter(one -> one.getState() == DrillState.DRILL_DONE).ifPresent(one -> LOG.info("drill {} is over: {} jobs, {} images", one.getId(), one.getJobsCount(), one.getImagesCount()));
        return true;
    }

    private void lookAtNode(Drill listed) {
        NodeDrill.Decision decision =
                store.transact(
                        state -> {
                            Drill before = state.record(KIND, listed.getId()).orElseThrow();
                            NodeDrill.Decision decided = nodes.decide(state, before);
                            if (!decided.after().equals(before)) {
                                state.put(KIND, decided.after());
                            }
                            return decided;
                        });
        for (String job : decision.checkpoints()) {
            try {
                Operation begun = verbs.checkpoint(job, NodeDrill.cause(listed));
                LOG.info("drill {}: checkpoint of job {} ({})", listed.getId(), job, begun.getId());
            } catch (FerryException refused) {
                // Somebody else was quicker, or the job is not what it was a moment ago: the next look knows.
                LOG.info("drill {}: checkpoint of job {} is not begun: {}", listed.getId(), job, refused.getMessage());
            }
        }
    }

    static Optional<Drill> open(Transaction state) {
        return state.records(KIND, RecordQuery.all().newestFirst().atMost(MOST_KEPT)).stream().filter(one -> one.getState() == DrillState.DRILL_OPEN).findFirst();
    }

    /** By the clock; the node whose last drill is the longest ago comes first. */
    private boolean beginWhatIsDue(Transaction state) {
        List<Drill> all = state.records(KIND, RecordQuery.all().newestFirst().atMost(MOST_KEPT));
        long lastRestore = last(all, DrillKind.DRILL_RESTORE);
        long lastNode = last(all, DrillKind.DRILL_NODE);
        boolean restore = isDue(state, lastRestore, config.everyRestore());
        boolean node = isDue(state, lastNode, config.everyNode());
        if (restore && (!node || lastRestore <= lastNode)) {
            Drill ignored = begin(state, RestoreDrill.drill(state, config.sample()));
            return true;
        }
        if (node) {
            Map<String, Drill> latest = latestOfNodes(state.records(KIND, RecordQuery.all().newestFirst()));
            Comparator<Node> longestAgo = Comparator.comparingLong((Node one) -> Optional.ofNullable(latest.get(one.getName())).map(Drill::getBeganAt).orElse(0L));
            Optional<Node> longestUndrilled = state.nodes().stream().filter(NodeFit::isOpen).min(longestAgo.thenComparing(Node::getName));
            longestUndrilled.ifPresent(one -> begin(state, drill(state, one.getName(), config.told())));
            return longestUndrilled.isPresent();
        }
        return false;
    }

    /** When the last one of a kind began, milliseconds since 1970; 0: there was none. */
    private static long last(List<Drill> all, DrillKind kind) {
        return all.stream().filter(one -> one.getKind() == kind).mapToLong(Drill::getBeganAt).max().orElse(0);
    }

    private static boolean isDue(Transaction state, long last, Duration every) {
        return !every.isZero() && state.now() - last >= every.toMillis();
    }

    private static Drill.Builder drill(Transaction state, String node, Duration notice) {
        return Drill.newBuilder().setKind(DrillKind.DRILL_NODE).setNode(node).setDeadline(state.now() + notice.toMillis());
    }

    private static Drill begin(Transaction state, Drill.Builder drill) {
        Optional<Drill> open = open(state);
        if (open.isPresent()) {
            throw new FerryException(ErrorCode.OPERATION_IN_PROGRESS, "Drill " + open.get().getId() + " is under way; one is made at a time");
        }
        Drill begun = drill.setId("dr-" + Ids.random(8)).setState(DrillState.DRILL_OPEN).setBeganAt(state.now()).build();
        state.put(KIND, begun);
        prune(state);
        return begun;
    }

    /** Beyond the newest only the last one of each node is kept: by it the clock knows whose turn it is. */
    private static void prune(Transaction state) {
        List<Drill> all = state.records(KIND, RecordQuery.all().newestFirst());
        Map<String, Drill> latest = latestOfNodes(all);
        all.stream().skip(MOST_KEPT).filter(old -> latest.get(old.getNode()) != old || state.node(old.getNode()).isEmpty()).forEach(old -> state.delete(KIND, old.getId()));
    }

    private static Map<String, Drill> latestOfNodes(List<Drill> newestFirst) {
        Map<String, Drill> latest = new HashMap<>();
        newestFirst.stream().filter(one -> one.getKind() == DrillKind.DRILL_NODE).forEach(one -> latest.putIfAbsent(one.getNode(), one));
        return latest;
    }

    /**
     * Begins the drill of a node.
     *
     * @param notice how long before its end the machine would be told
     * @throws FerryException NODE_NOT_FOUND, NODE_DOWN, OPERATION_IN_PROGRESS
     */
    public Drill drillNode(String node, Duration notice) {
        return begun(store.transact(state -> begin(state, drill(state, NodeDirectory.up(state, node).getName(), notice))));
    }

    /**
     * Begins a trial of images.
     *
     * @throws FerryException OPERATION_IN_PROGRESS
     */
    public Drill drillRestore(int sample) {
        return begun(store.transact(state -> begin(state, RestoreDrill.drill(state, sample))));
    }

    /** How many images are tried when nobody says it. */
    public int usualSample() {
        return config.sample();
    }

    /** How long before its end a machine is taken to be told when nobody says it. */
    public Duration usualNotice() {
        return config.told();
    }

    /**
     * The newest first.
     *
     * @param node empty: all
     */
    public List<Drill> list(String node) {
        RecordQuery wanted = (node.isEmpty() ? RecordQuery.all() : RecordQuery.of(node)).newestFirst().atMost(MOST_KEPT);
        return store.transact(state -> state.records(KIND, wanted));
    }

    /**
     * @throws FerryException DRILL_NOT_FOUND
     */
    public Drill one(String id) {
        return store.transact(state -> state.record(KIND, id)).orElseThrow(() -> new FerryException(ErrorCode.DRILL_NOT_FOUND, "There is no drill '" + id + "'"));
    }

    /** Whether what a job did since its last image would be gone. */
    public static boolean isLost(DrillOutcome outcome) {
        return switch (outcome) {
            case WOULD_BE_TOO_LATE, WOULD_BE_LOST, WOULD_BE_COVERED -> true;
            case WOULD_BE_SAVED, HAS_GONE, NOT_TRIED, CAN_BE_RESTORED, CANT_BE_RESTORED, DRILL_OUTCOME_UNSPECIFIED, UNRECOGNIZED -> false;
        };
    }

    @Override
    public void close() {
        closed = true;
    }
}
