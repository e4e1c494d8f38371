package dev.ferry.node.link;

import dev.ferry.node.jobs.JobRegistry;
import dev.ferry.node.jobs.Outbox;
import dev.ferry.node.lease.NodeLease;
import dev.ferry.proto.v1.CommandProgress;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.EvacuationWord;
import dev.ferry.proto.v1.FromNode;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.GpuHealth;
import dev.ferry.proto.v1.GpuSample;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.NodeNotices;
import dev.ferry.proto.v1.Resources;
import dev.ferry.proto.v1.StoreSight;
import dev.ferry.proto.v1.Welcome;
import io.grpc.ManagedChannel;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The daemon's one connection to the coordinator: dials out, says what is here, takes orders, and does it
 * again whenever the connection is lost, as long as the daemon lives.
 */
public final class CoordinatorLink implements Outbox, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CoordinatorLink.class);
    private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
    // Short: a coordinator that is back must hear of its nodes well before it counts them as down.
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(1);

    private final String node;
    private final String coordinator;
    private final Function<String, ManagedChannel> channels;
    private final NodeFacts facts;
    private final Resources capacity;
    private final String pool;
    private final NodeLease lease;
    private final CountDownLatch welcomed = new CountDownLatch(1);
    private final CountDownLatch closing = new CountDownLatch(1);
    private final Thread dialer;
    private volatile @Nullable JobRegistry registry;
    private volatile @Nullable LinkSession session;
    private volatile String lastTrouble = "";
    private volatile String peerAddress = "";
    private volatile Supplier<NodeNotices> notices = NodeNotices::getDefaultInstance;
    private volatile Supplier<GpuHealth> gpus = GpuHealth::getDefaultInstance;
    private volatile Supplier<StoreSight> store = StoreSight::getDefaultInstance;
    private volatile Consumer<StoreSight> onCoordinatorsStore = sight -> {};
    private volatile Consumer<String> onSettled = notice -> {};
    private volatile Consumer<EvacuationWord> onEvacuation = word -> {};

    /**
     * @param channels makes a channel to an address
     */
    public CoordinatorLink(String node, String coordinator, Function<String, ManagedChannel> channels, NodeFacts facts, Resources capacity, String pool, NodeLease lease) {
        this.lease = lease;
        this.node = node;
        this.coordinator = coordinator;
        this.channels = channels;
        this.facts = facts;
        this.capacity = capacity;
        this.pool = pool;
        dialer = Thread.ofPlatform().daemon().name("link").unstarted(this::dial);
    }

    /**
     * Sets what is announced about the machine, to be told on each new stream, and who is told that all is done about a notice.
     */
    public void carry(Supplier<NodeNotices> standing, Consumer<String> settled) {
        notices = standing;
        onSettled = settled;
    }

    /** Sets who is told that the node is being emptied, or has been; it must not wait for anything. */
    public void onEvacuation(Consumer<EvacuationWord> listener) {
        onEvacuation = listener;
    }

    /** What is announced is not what it was. Whoever has no stream now tells it on the next. One at a time: what is said last is what is last known, and what it does not hold is taken back. */
    public synchronized void noticesChanged() {
        NodeNotices standing = notices.get();
        if (standing.getSourcesCount() > 0) {
            send(FromNode.newBuilder().setNotices(standing).build());
        }
    }

    /** Sets where other nodes may ask this one for chunks, to be told on each new stream. */
    public void carryPeerAddress(String address) {
        peerAddress = address;
    }

    /** Sets who knows how the node's GPUs are, to be told on each new stream. */
    public void carryGpus(Supplier<GpuHealth> health) {
        gpus = health;
    }

    /** The GPUs are not what they were. Whoever has no stream now tells it on the next. One at a time: what is said last is what is last known. */
    public synchronized void gpusChanged() {
        GpuHealth now = gpus.get();
        LinkSession open = session;
        if (open != null && now.getGpusCount() > 0) {
            open.sendAfterWelcome(FromNode.newBuilder().setGpuHealth(now).build());
        }
    }

    /**
     * Sets who knows which store this node sees, to be told on each new stream.
     *
     * @param coordinators is told which one the coordinator sees, with each Welcome
     */
    public void carryStore(Supplier<StoreSight> sight, Consumer<StoreSight> coordinators) {
        store = sight;
        onCoordinatorsStore = coordinators;
    }

    /** It is not what it was. Whoever has no stream now tells it on the next. */
    public synchronized void storeChanged() {
        StoreSight now = store.get();
        LinkSession open = session;
        if (open != null && !now.getPlace().isEmpty()) {
            open.sendAfterWelcome(FromNode.newBuilder().setStore(now).build());
        }
    }

    public void start(JobRegistry jobs) {
        registry = jobs;
        dialer.start();
    }

    /**
     * @return false when the time is over
     */
    public boolean awaitWelcome(Duration atMost) throws InterruptedException {
        return welcomed.await(atMost.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void dial() {
        JobRegistry jobs = Objects.requireNonNull(registry);
        Duration pause = FIRST_PAUSE;
        try (Coordinators coordinators = new Coordinators(coordinator, channels)) {
            while (closing.getCount() > 0) {
                pause = round(jobs, coordinators, pause);
            }
        } catch (InterruptedException closed) {
            Thread.currentThread().interrupt();
        }
    }

    /** One stream, from dialing to its end, and the pause after it. */
    private Duration round(JobRegistry jobs, Coordinators coordinators, Duration before) throws InterruptedException {
        Duration pause = before;
        try {
            LinkSession next = new LinkSession(jobs, lease, coordinators.patience(), this::onWelcome, notice -> onSettled.accept(notice), word -> onEvacuation.accept(word));
            session = next;
            next.open(coordinators.channel(), () -> hello(jobs));
            boolean worked = next.awaitEnd();
            session = null;
            if (worked) {
                pause = FIRST_PAUSE;
            }
            // One that led and answers no more is asked last: if it is gone, another one leads soon.
            if ((!worked || next.saidNothing()) && coordinators.next(next.saidNothing()) && !worked) {
                pause = min(pause.multipliedBy(2), LONGEST_PAUSE);
            }
            complain(next.trouble());
        } catch (RuntimeException | Error failed) {
            // As for want of threads. A node that dials no more is lost with all its jobs, and nobody would see why.
            LOG.error("the stream to the coordinator went wrong; it is dialed again", failed);
            LinkSession broken = session;
            session = null;
            if (broken != null) {
                broken.end("it went wrong on this side");
            }
            pause = min(pause.multipliedBy(2), LONGEST_PAUSE);
        }
        long jitter = ThreadLocalRandom.current().nextLong(1 + pause.toMillis() / 4);
        boolean ended = closing.await(pause.toMillis() + jitter, TimeUnit.MILLISECONDS);
        if (!ended) {
            try {
                coordinators.dialAnew();
            } catch (RuntimeException | Error failed) {
                LOG.error("new channels to the coordinator can't be made; the old ones are tried again", failed);
            }
        }
        return pause;
    }

    private Hello hello(JobRegistry jobs) {
        NodeFacts.Builder is = facts.toBuilder();
        Resources.Builder has = capacity.toBuilder();
        StoreSight sight = store.get();
        if (!sight.getPlace().isEmpty()) {
            is.setStore(sight);
        }
        GpuHealth health = gpus.get();
        List<Gpu> now = health.getGpusList();
        if (!now.isEmpty()) {
            is.clearGpus().addAllGpus(now).clearGpuModels().addAllGpuModels(now.stream().map(Gpu::getModel).toList()).setGpuNote(health.getNote());
            if (health.hasPlaces()) {
                is.setGpuPlaces(health.getPlaces());
            }
            if (!health.getDriver().isEmpty()) {
                is.setGpuDriver(health.getDriver()).setGpuStandIn(health.getStandIn()).setGpuCanSave(health.getCanSave()).setGpuCanMap(health.getCanMap());
            }
            has.setGpus((int) now.stream().filter(gpu -> gpu.getSick().isEmpty() && !gpu.getMig()).count());
        }
        return Hello.newBuilder()
                .setNode(node)
                .setFacts(is)
                .setCapacity(has)
                .setPool(pool)
                .setPeerAddress(peerAddress)
                .setKeepsLease(true)
                .addAllJobs(jobs.reports())
                .addAllOpenCommands(jobs.openCommands())
                .build();
    }

    private void onWelcome(Welcome welcome) {
        LOG.info("node {} is registered with the coordinator at {}", node, coordinator);
        lastTrouble = "";
        welcomed.countDown();
        noticesChanged();
        gpusChanged();
        storeChanged();
        onCoordinatorsStore.accept(welcome.getStore());
    }

    /** Says the same trouble once, not at every try. */
    private void complain(String trouble) {
        if (closing.getCount() > 0 && !trouble.equals(lastTrouble)) {
            LOG.warn("the coordinator at {} is out of reach, jobs run on until the lease of this node ends: {}", coordinator, trouble);
            lastTrouble = trouble;
        }
    }

    private static Duration min(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? one : other;
    }

    @Override
    public void result(CommandResult result) {
        send(FromNode.newBuilder().setResult(result).build());
    }

    @Override
    public void progress(CommandProgress progress) {
        send(FromNode.newBuilder().setProgress(progress).build());
    }

    @Override
    public void report(JobReport report) {
        send(FromNode.newBuilder().setJobReport(report).build());
    }

    @Override
    public boolean sample(GpuSample sample) {
        LinkSession open = session;
        return open != null && open.sendIfWelcome(FromNode.newBuilder().setGpuSample(sample).build());
    }

    private void send(FromNode message) {
        LinkSession open = session;
        if (open != null) {
            open.send(message);
        }
    }

    @Override
    public void close() {
        closing.countDown();
        LinkSession open = session;
        if (open != null) {
            open.end("the daemon ends");
        }
        dialer.interrupt();
        try {
            boolean ignored = dialer.join(Duration.ofSeconds(5));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
