package dev.ferry.node.link;

import dev.ferry.node.jobs.JobRegistry;
import dev.ferry.node.lease.NodeLease;
import dev.ferry.proto.v1.EvacuationWord;
import dev.ferry.proto.v1.FromNode;
import dev.ferry.proto.v1.Heartbeat;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.NodeLinkGrpc;
import dev.ferry.proto.v1.ToNode;
import dev.ferry.proto.v1.Welcome;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One stream to the coordinator, from Hello to its end. */
final class LinkSession implements ClientResponseObserver<FromNode, ToNode> {
    private static final Logger LOG = LoggerFactory.getLogger(LinkSession.class);
    private static final int MISSED_HEARTBEATS = 5;

    /** What Welcome and HeartbeatReply answer is known by this number and those of the heartbeats. */
    private static final long HELLO = 0;

    private final JobRegistry jobs;
    private final NodeLease lease;
    private final Duration patience;
    private final Consumer<Welcome> onWelcome;
    private final Consumer<String> onSettled;
    private final Consumer<EvacuationWord> onEvacuation;
    /** When each Hello or Heartbeat was about to be sent, on the lease's clock. */
    private final Map<Long, Long> askedAt = new ConcurrentHashMap<>();
    private final LogStreams logs;
    private final CountDownLatch ended = new CountDownLatch(1);
    private final CountDownLatch welcome = new CountDownLatch(1);
    private final AtomicLong answered = new AtomicLong();
    private final Object sending = new Object();
    /** What was to be said before the Hello; guarded, as whether that was said, by {@link #sending}. */
    private final List<FromNode> early = new ArrayList<>();
    private boolean greeted;
    private volatile @Nullable ClientCallStreamObserver<FromNode> stream;
    private volatile long heartbeatMillis = 1000;
    private volatile long orders;
    private volatile long leaseMillis;
    private volatile String trouble = "";
    private volatile boolean saidNothing;

    /**
     * @param patience how long the coordinator may take for its welcome
     */
    LinkSession(JobRegistry jobs, NodeLease lease, Duration patience, Consumer<Welcome> onWelcome, Consumer<String> onSettled, Consumer<EvacuationWord> onEvacuation) {
        this.jobs = jobs;
        this.lease = lease;
        this.patience = patience;
        this.onWelcome = onWelcome;
        this.onSettled = onSettled;
        this.onEvacuation = onEvacuation;
        logs = new LogStreams(jobs, this::sendWhenReady);
    }

    void open(ManagedChannel channel, Supplier<Hello> hello) {
        var requests = NodeLinkGrpc.newStub(channel).connect(this);
        askedAt.put(HELLO, lease.clock());
        // Hello is made after the stream is ours: a result that comes in between is in it or follows it.
        Hello first =
                jobs.beginStream(
                        number -> {
                            orders = number;
                            return hello.get();
                        });
        synchronized (sending) {
            requests.onNext(FromNode.newBuilder().setHello(first).build());
            greeted = true;
            early.forEach(this::send);
            early.clear();
        }
        jobs.unacknowledged().forEach(result -> send(FromNode.newBuilder().setResult(result).build()));
    }

    /**
     * Sends heartbeats until the stream is at its end or no longer answers.
     *
     * @return whether the coordinator ever answered
     */
    boolean awaitEnd() throws InterruptedException {
        boolean said = welcome.await(patience.toMillis(), TimeUnit.MILLISECONDS);
        boolean worked = said && ended.getCount() > 0;
        saidNothing = !said;
        if (!worked) {
            end("no welcome within " + patience.toSeconds() + " s");
        }
        long sequence = 0;
        while (!ended.await(heartbeatMillis, TimeUnit.MILLISECONDS)) {
            sequence++;
            if (sequence - answered.get() > MISSED_HEARTBEATS) {
                saidNothing = true;
                end("no answer to " + MISSED_HEARTBEATS + " heartbeats");
                break;
            }
            askedAt.put(sequence, lease.clock());
            send(FromNode.newBuilder().setHeartbeat(Heartbeat.newBuilder().setSequence(sequence)).build());
        }
        logs.close();
        return worked;
    }

    String trouble() {
        return trouble;
    }

    /** Whether the stream's end is that the coordinator answered nothing for too long. */
    boolean saidNothing() {
        return saidNothing;
    }

    void end(String why) {
        if (trouble.isEmpty()) {
            trouble = why;
        }
        ClientCallStreamObserver<FromNode> open = stream;
        if (open != null) {
            open.cancel(why, null);
        }
        finish();
    }

    private void finish() {
        welcome.countDown();
        ended.countDown();
        synchronized (sending) {
            sending.notifyAll();
        }
    }

    /**
     * Says what can be said later as well, once the stream stands and where it does not jam.
     *
     * @return false: it was not said
     */
    boolean sendIfWelcome(FromNode message) {
        ClientCallStreamObserver<FromNode> open = stream;
        boolean stands = open != null && welcome.getCount() == 0 && ended.getCount() > 0 && open.isReady();
        if (stands) {
            send(message);
        }
        return stands;
    }

    /** Says what is said again after each Welcome; before that it is dropped. */
    void sendAfterWelcome(FromNode message) {
        if (welcome.getCount() == 0) {
            send(message);
        }
    }

    /** Says a message, or drops it when the stream is at its end. One that comes while the Hello is made follows it: the coordinator ends a stream that begins otherwise. */
    void send(FromNode message) {
        ClientCallStreamObserver<FromNode> open = stream;
        if (open == null || ended.getCount() == 0) {
            return;
        }
        synchronized (sending) {
            if (!greeted) {
                early.add(message);
                return;
            }
            try {
                open.onNext(message);
            } catch (IllegalStateException over) {
                LOG.debug("a message was dropped, the stream is at its end", over);
            }
        }
    }

    /**
     * Waits until the stream has room, so that a long log does not fill our memory.
     *
     * @return false when the stream is at its end
     */
    private boolean sendWhenReady(FromNode message) throws InterruptedException {
        synchronized (sending) {
            ClientCallStreamObserver<FromNode> open = stream;
            while (open != null && !open.isReady() && ended.getCount() > 0) {
                sending.wait(heartbeatMillis);
            }
        }
        send(message);
        return ended.getCount() > 0;
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<FromNode> requests) {
        stream = requests;
        requests.setOnReadyHandler(
                () -> {
                    synchronized (sending) {
                        sending.notifyAll();
                    }
                });
    }

    @Override
    public void onNext(ToNode message) {
        switch (message.getMessageCase()) {
            case WELCOME -> welcomed(message.getWelcome());
            case COMMAND -> jobs.submit(message.getCommand(), orders);
            case ACKNOWLEDGED -> jobs.acknowledged(message.getAcknowledged().getId());
            case HEARTBEAT_REPLY -> answered(message.getHeartbeatReply().getSequence());
            case LOG_REQUEST -> logs.open(message.getLogRequest());
            case LOG_CANCEL -> logs.cancel(message.getLogCancel().getRequest());
            case NOTICE_SETTLED -> onSettled.accept(message.getNoticeSettled().getNotice());
            case EVACUATION -> onEvacuation.accept(message.getEvacuation());
            case MESSAGE_NOT_SET -> LOG.warn("the coordinator says something this Ferry does not know");
        }
    }

    private void answered(long sequence) {
        answered.set(sequence);
        renew(sequence);
    }

    private void renew(long sequence) {
        Long asked = askedAt.remove(sequence);
        if (asked != null) {
            lease.renew(asked, Duration.ofMillis(leaseMillis));
        }
    }

    private void welcomed(Welcome terms) {
        heartbeatMillis = Math.max(50, terms.getHeartbeatMillis());
        leaseMillis = terms.getLeaseMillis();
        // Before the lease is renewed, which thaws: what lives elsewhere by now must not run here for a moment.
        if (!jobs.standing(terms.getLivesList(), orders)) {
            LOG.info("a welcome came when this node had turned to another stream: it is not heard");
            return;
        }
        renew(HELLO);
        welcome.countDown();
        onWelcome.accept(terms);
    }

    @Override
    public void onError(Throwable failure) {
        Status status = Status.fromThrowable(failure);
        if (trouble.isEmpty()) {
            trouble = status.getCode() + (status.getDescription() == null ? "" : ": " + status.getDescription());
        }
        finish();
    }

    @Override
    public void onCompleted() {
        if (trouble.isEmpty()) {
            trouble = "the coordinator ended the stream";
        }
        finish();
    }
}
