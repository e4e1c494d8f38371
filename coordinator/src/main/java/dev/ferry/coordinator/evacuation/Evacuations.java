package dev.ferry.coordinator.evacuation;

import dev.ferry.common.Clock;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.common.Scheduler;
import dev.ferry.common.Strand;
import dev.ferry.coordinator.api.Verbs;
import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.coordinator.nodes.NodeDirectory;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.EvacuationState;
import dev.ferry.proto.v1.EvacuationWord;
import dev.ferry.proto.v1.Evacuee;
import dev.ferry.proto.v1.Notice;
import dev.ferry.proto.v1.NoticeKind;
import dev.ferry.proto.v1.Operation;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Empties machines that go away: turns what is announced into evacuations, and drives each until nothing of it is left to do. All that must
 * outlive this process is in the store; what to do next is found there at every look. One look at a time.
 */
public final class Evacuations implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Evacuations.class);
    private static final Duration LOOK = Duration.ofSeconds(1);
    private static final Duration GATHERING = Duration.ofMillis(20);
    private static final int MOST_LISTED = 200;
    /** Between two plans that differ only by the time that has passed. */
    private static final long SAME_PLAN_MILLIS = 5000;

    private final StateStore store;
    private final Verbs verbs;
    private final NodeDirectory directory;
    private final CommandDesk desk;
    private final EvacuationConfig config;
    private final Clock clock;
    private final Scheduler scheduler;
    private final GoneWords words;
    private final Evacuator evacuator;
    private final OperatorWords operators;
    private final Strand strand;
    private final AtomicBoolean due = new AtomicBoolean();
    /** Nodes whose notices are to be looked at. */
    private final Set<String> announced = ConcurrentHashMap.newKeySet();
    /** Ids of jobs, operations and nodes that an open evacuation looks at. */
    private volatile Set<String> watched = Set.of();
    /** Those of them that have changed since they were looked at. */
    private final Set<String> touched = ConcurrentHashMap.newKeySet();
    /** Whether the next look is at all open evacuations: some of what is waited for is in no record. */
    private final AtomicBoolean all = new AtomicBoolean(true);
    private boolean tookUpAll;
    private volatile boolean ticking;
    private volatile boolean closed;

    public Evacuations(StateStore store, Verbs verbs, NodeDirectory directory, CommandDesk desk, EvacuationConfig config, Clock clock, Scheduler scheduler) {
        this.store = store;
        this.verbs = verbs;
        this.directory = directory;
        this.desk = desk;
        this.config = config;
        this.clock = clock;
        this.scheduler = scheduler;
        words = new GoneWords(store, directory, desk, clock);
        evacuator = new Evacuator(config);
        operators = new OperatorWords(store, evacuator, config, this::noticed);
        strand = new Strand(scheduler);
        store.onChange(this::changed);
    }

    /** Goes on with what an earlier coordinator left, also with what was announced and is no evacuation yet. */
    public void start() {
        wake();
    }

    /** A node's daemon has said what is announced about its machine. */
    public void noticed(String node) {
        announced.add(node);
        wake();
    }

    private void changed(Iterable<String> keys) {
        boolean news = false;
        for (String key : keys) {
            news |= watched.contains(key) && touched.add(key);
        }
        if (news) {
            wake();
        }
    }

    /** Many changes in a short time cost one look. */
    private void wake() {
        if (!closed && due.compareAndSet(false, true)) {
            Scheduler.Timer ignored = scheduler.after(GATHERING, () -> strand.execute(() -> guarded(this::lookAtAll)));
        }
    }

    private void guarded(Runnable work) {
        try {
            if (!closed) {
                work.run();
            }
        } catch (RuntimeException | Error failed) {
            LOG.error("evacuations could not be looked at; they are again in {} s", LOOK.toSeconds(), failed);
            tick();
        }
    }

    private void tick() {
        if (!ticking && !closed) {
            ticking = true;
            Scheduler.Timer ignored =
                    scheduler.after(
                            LOOK,
                            () -> {
                                ticking = false;
                                all.set(true);
                                wake();
                            });
        }
    }

    /** What an earlier coordinator was told and did not come to. */
    private void takeUpAll() {
        announced.addAll(
                store.transact(
                        state -> {
                            boolean ignored = EvacuationRecords.tidy(state);
                            return Stream.concat(Notices.standing(state).stream().map(Notice::getNode), EvacuationRecords.open(state).stream().map(Evacuation::getNode)).collect(Collectors.toSet());
                        }));
    }

    /** Makes of all that stands on a node one evacuation, the most urgent. */
    private void takeUp(String node) {
        announced.remove(node);
        try {
            makeOne(node);
            // Said before, maybe: but nobody has surely heard it while the notice stands.
            store.transact(state -> NoticesToEvacuations.dealtWith(state, node)).forEach(this::sayEmpty);
        } catch (RuntimeException | Error failed) {
            announced.add(node);
            throw failed;
        }
    }

    private void makeOne(String node) {
        Optional<Evacuation> closes = store.transact(state -> NoticesToEvacuations.takeUp(state, node, config));
        closes.ifPresent(evacuation -> LOG.warn("evacuation {} of node {}: {} ({})", evacuation.getId(), node, evacuation.getReason(), evacuation.getKind()));
    }

    private void lookAtAll() {
        due.set(false);
        boolean each = all.getAndSet(false);
        Set<String> news = new HashSet<>(touched);
        touched.removeAll(news);
        if (!tookUpAll) {
            takeUpAll();
            tookUpAll = true;
        }
        // Each by itself: what goes wrong with one must not keep the others from being looked at.
        news.addAll(announced);
        List.copyOf(announced).forEach(node -> guarded(() -> takeUp(node)));
        boolean wait = words.look();
        List<Evacuation> open = store.transact(EvacuationRecords::open);
        Set<String> keys = new HashSet<>();
        for (Evacuation evacuation : open) {
            Set<String> its = evacuation.getJobsList().stream().map(Evacuee::getJob).collect(Collectors.toSet());
            its.add(evacuation.getNode());
            if (each || its.stream().anyMatch(news::contains)) {
                guarded(() -> look(evacuation));
            }
            // Maintenance that was announced beside it may begin by now.
            if (each && (evacuation.getKind() == NoticeKind.ADVISORY || evacuation.getTakenBack())) {
                guarded(() -> makeOne(evacuation.getNode()));
            }
            keys.addAll(its);
        }
        watched = Set.copyOf(keys);
        if (!open.isEmpty() || wait) {
            tick();
        }
    }

    private void look(Evacuation listed) {
        Evacuator.Decision decision =
                store.transact(
                        state -> {
                            Evacuation before = state.record(EvacuationRecords.KIND, listed.getId()).orElseThrow();
                            Evacuator.Decision decided = evacuator.decide(state, before);
                            decided.queue().forEach(state::put);
                            if (isNews(before, decided.after())) {
                                EvacuationRecords.put(state, decided.after());
                            }
                            closeNode(state, decided.after());
                            return decided;
                        });
        Evacuation now = decision.after();
        tellNode(now);
        for (Evacuator.Begin begin : decision.begin()) {
            begin(now, begin);
        }
        if (isEmptied(now)) {
            desk.settled(now.getNode(), now.getNotice());
        }
        if (!EvacuationRecords.isOpen(now)) {
            LOG.info("evacuation {} of node {} is over: {}", now.getId(), now.getNode(), now.getState());
            // What was announced beside it comes next.
            announced.add(now.getNode());
        }
    }

    /** Nothing new comes to a machine that goes away, also when there is nothing on it that would have to leave. */
    static void closeNode(Transaction state, Evacuation evacuation) {
        boolean goesAway = evacuation.getState() == EvacuationState.EVACUATING || evacuation.getState() == EvacuationState.EVACUATED;
        if (goesAway && !evacuation.getTakenBack() && evacuation.getGone().isEmpty()) {
            NodeDirectory.close(state, evacuation.getNode(), closingReason(evacuation));
        }
    }

    /** Whether an evacuation has left nothing on a machine that is still there. */
    static boolean isEmptied(Evacuation evacuation) {
        return evacuation.getKind() != NoticeKind.ADVISORY && evacuation.getState() == EvacuationState.EVACUATED && evacuation.getGone().isEmpty();
    }

    private void sayEmpty(Evacuation evacuation) {
        tellNode(evacuation);
        desk.settled(evacuation.getNode(), evacuation.getNotice());
    }

    /** Before the orders that follow from it: its hooks go first. */
    private void tellNode(Evacuation evacuation) {
        if (evacuation.getState() != EvacuationState.AWAITED) {
            desk.evacuation(
                    evacuation.getNode(),
                    EvacuationWord.newBuilder()
                            .setEvacuation(evacuation.getId())
                            .setKind(evacuation.getKind())
                            .setState(evacuation.getState())
                            .setReason(evacuation.getReason())
                            .setRemainingMillis(evacuation.getDeadline() - clock.millis())
                            .build());
        }
    }

    /** What stands as a node's reason while it is closed; by it the node is opened again when the notice is taken back. */
    static String closingReason(Evacuation evacuation) {
        return "its machine goes away (" + evacuation.getId() + ")";
    }

    /** The same plan a moment later is none. */
    private static boolean isNews(Evacuation before, Evacuation after) {
        return after.getPlannedAt() - before.getPlannedAt() >= SAME_PLAN_MILLIS || !withoutTimes(before).equals(withoutTimes(after));
    }

    private static Evacuation withoutTimes(Evacuation evacuation) {
        List<Evacuee> jobs =
                evacuation.getJobsList().stream().map(job -> job.toBuilder().clearUnsavedMillis().clearWorth().clearSendBytes().clearStartsMillis().clearEndsMillis().clearWhy().build()).toList();
        return evacuation.toBuilder().clearPlannedAt().clearLinkBytesPerSecond().clearScanBytesPerSecond().clearFixedMillis().clearJobs().addAllJobs(jobs).build();
    }

    private void begin(Evacuation evacuation, Evacuator.Begin begin) {
        String cause = Evacuator.cause(evacuation);
        try {
            Operation begun =
                    switch (begin.kind()) {
                        case MIGRATE -> verbs.migrate(begin.job(), "", cause);
                        case SUSPEND -> verbs.suspend(begin.job(), cause);
                        case REWIND -> verbs.rewind(begin.job(), cause);
                        case CHECKPOINT -> verbs.checkpoint(begin.job(), cause);
                        case START, CANCEL, PARK, UNPARK, RESUME, RESTORE, OPERATION_KIND_UNSPECIFIED, UNRECOGNIZED -> throw new IllegalArgumentException("an evacuation begins no " + begin.kind());
                    };
            LOG.info("evacuation {}: {} of job {} ({})", evacuation.getId(), begun.getKind(), begun.getJob(), begun.getId());
        } catch (FerryException refused) {
            // Somebody else was quicker, or the job is not what it was a moment ago: the next look knows.
            LOG.info("evacuation {}: {} of job {} is not begun: {}", evacuation.getId(), begin.kind(), begin.job(), refused.getMessage());
        }
    }

    /**
     * Takes down a cloud's word that a node's machine is gone.
     *
     * @throws FerryException NODE_NOT_FOUND, INVALID_ARGUMENT
     */
    public void confirmGone(String node, String source, String evidence) {
        try {
            words.takeDown(node, source, evidence);
        } finally {
            // Also when the database has written it and not said so.
            wake();
        }
    }

    /** {@link OperatorWords#evacuate}. */
    public Evacuation evacuate(String node, Duration deadline, String reason, String event) {
        return operators.evacuate(node, deadline, reason, event);
    }

    /** {@link OperatorWords#takeBack}. */
    public void takeBack(String node) {
        operators.takeBack(node);
    }

    /** {@link OperatorWords#dryRun}. */
    public Evacuation dryRun(String node, Duration deadline, String reason) {
        return operators.dryRun(node, deadline, reason);
    }

    /**
     * The newest first.
     *
     * @param node empty: of all
     */
    public List<Evacuation> list(String node, boolean openOnly) {
        RecordQuery wanted = (node.isEmpty() ? RecordQuery.all() : RecordQuery.of(node)).newestFirst().atMost(MOST_LISTED);
        return store.transact(state -> state.records(EvacuationRecords.KIND, wanted).stream().filter(one -> !openOnly || EvacuationRecords.isOpen(one)).toList());
    }

    /**
     * @param what an id, or a node, whose last one is meant
     * @throws FerryException EVACUATION_NOT_FOUND
     */
    public Evacuation one(String what) {
        return store.transact(state -> state.record(EvacuationRecords.KIND, what).or(() -> state.records(EvacuationRecords.KIND, RecordQuery.of(what).newestFirst().atMost(1)).stream().findFirst()))
                .orElseThrow(
                        () ->
                                new FerryException(
                                        ErrorCode.EVACUATION_NOT_FOUND,
                                        "There is no evacuation '" + what + "', and none of a node of that name" + store.transact(EvacuationRecords::open).stream().map(Evacuation::getId).collect(Collectors.joining(", ", "; open are: ", ""))));
    }

    /** How long until a machine goes away when nobody says so. */
    public Duration usualNotice() {
        return Durations.parse(config.finalNotice());
    }

    @Override
    public void close() {
        closed = true;
    }
}
