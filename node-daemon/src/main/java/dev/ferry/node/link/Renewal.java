package dev.ferry.node.link;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps a node's certificate from expiring, as long as the daemon lives. */
public final class Renewal implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Renewal.class);
    private static final Duration LONGEST_PAUSE = Duration.ofHours(1);
    private static final Duration SHORTEST_PAUSE = Duration.ofSeconds(1);
    private static final int LOOKS = 10;

    private final Membership membership;
    private final String node;
    private final String coordinator;
    private final CountDownLatch closing = new CountDownLatch(1);
    private final Thread thread;

    public Renewal(Membership membership, String node, String coordinator) {
        this.membership = membership;
        this.node = node;
        this.coordinator = coordinator;
        thread = Thread.ofPlatform().daemon().name("certificate").start(this::run);
    }

    private void run() {
        try {
            do {
                if (membership.isRenewalDue(Instant.now())) {
                    renew();
                }
            } while (!closing.await(pause().toMillis(), TimeUnit.MILLISECONDS));
        } catch (InterruptedException closed) {
            Thread.currentThread().interrupt();
        }
    }

    private void renew() {
        try {
            Joining.renew(membership, node, coordinator);
            LOG.info("node {} has a new certificate, until {}", node, membership.end());
        } catch (IOException | RuntimeException | Error failed) {
            String consequence = Instant.now().isAfter(membership.end()) ? "it has expired: the node must join again, with a new join token" : "it is tried again until it expires at " + membership.end();
            LOG.warn("the certificate of node {} could not be renewed, {}: {}", node, consequence, failed.getMessage());
        }
    }

    /** A tenth of the time that is left. */
    private Duration pause() {
        Duration left = Duration.between(Instant.now(), membership.end()).dividedBy(LOOKS);
        return left.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : left.compareTo(SHORTEST_PAUSE) < 0 ? SHORTEST_PAUSE : left;
    }

    @Override
    public void close() {
        closing.countDown();
        thread.interrupt();
    }
}
