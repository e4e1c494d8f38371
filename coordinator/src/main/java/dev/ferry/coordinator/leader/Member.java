package dev.ferry.coordinator.leader;

import dev.ferry.common.Clock;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.common.SystemScheduler;
import dev.ferry.coordinator.Coordinator;
import dev.ferry.coordinator.CoordinatorConfig;
import dev.ferry.coordinator.GrpcPorts;
import dev.ferry.coordinator.access.ServerTls;
import dev.ferry.coordinator.store.LeaderRow;
import dev.ferry.coordinator.store.PostgresDatabase;
import dev.ferry.coordinator.store.PostgresStateStore;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One of several coordinators on one database. Stands by until the leader's term is over, leads for as long as it can
 * renew its own, and stands by again. Between the two its ports are closed for a moment; they stay the same.
 */
public final class Member implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Member.class);
    private static final long LOOK_MILLIS = 500;
    private static final long AGAIN_MILLIS = 1000;
    private static final Duration PORTS = Duration.ofSeconds(30);

    private final PostgresDatabase database;
    private final SystemScheduler scheduler = new SystemScheduler("certificate");
    private final Optional<ServerTls> tls;
    private final LeaderRow row;
    private final Duration term;
    private final String holder;
    private final String advertised;
    private final CountDownLatch closing = new CountDownLatch(1);
    private final Thread life;
    private final CoordinatorConfig config;
    private volatile String leader = "";
    private volatile Standby standby;
    private volatile Optional<Term> leading = Optional.empty();
    private volatile boolean serves;

    private Member(CoordinatorConfig config, PostgresDatabase database) throws IOException {
        this.database = database;
        row = new LeaderRow(database);
        term = Durations.parse(config.database().term());
        tls = GrpcPorts.tls(config, GrpcPorts.authority(config), scheduler);
        standby = Standby.start(GrpcPorts.builder(config, tls), config.httpListen(), tls, () -> leader);
        int grpcPort = GrpcPorts.port(standby.grpc(), config);
        this.config = config.withPorts(grpcPort, standby.httpPort());
        advertised = config.advertise().isEmpty() ? this.config.grpcListen().split(",", 2)[0].trim() : config.advertise();
        holder = advertised + "/" + Ids.random(8);
        life = Thread.ofPlatform().name("member").start(this::live);
    }

    /**
     * Starts a coordinator that stands by; it answers when this returns.
     *
     * @throws FerryException DATABASE_UNREACHABLE, CONFIG_INVALID
     */
    public static Member start(CoordinatorConfig config) throws IOException {
        PostgresDatabase database = PostgresDatabase.open(config.database().url(), config.database().user(), config.database().password());
        try {
            return new Member(config, database);
        } catch (IOException | RuntimeException failed) {
            database.close();
            throw failed;
        }
    }

    private void live() {
        try {
            while (closing.getCount() > 0) {
                long asked = Clock.SYSTEM.nanos();
                Optional<Long> epoch = look();
                if (epoch.isPresent()) {
                    lead(new Term(row, epoch.get(), term, Clock.SYSTEM, asked));
                } else {
                    boolean ignored = closing.await(LOOK_MILLIS, TimeUnit.MILLISECONDS);
                }
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private Optional<Long> look() {
        try {
            Optional<Long> epoch = row.take(holder, advertised, term);
            leader = epoch.isPresent() ? advertised : row.current().filter(now -> !now.left().isNegative()).map(LeaderRow.Leader::address).orElse("");
            return epoch;
        } catch (FerryException failed) {
            LOG.warn("who leads is not known: {}", failed.getMessage());
            leader = "";
            return Optional.empty();
        }
    }

    private void lead(Term mine) throws InterruptedException {
        LOG.info("{} leads in epoch {}", advertised, mine.epoch());
        try (mine) {
            leading = Optional.of(mine);
            standby.close();
            try (PostgresStateStore store = new PostgresStateStore(database, mine.epoch());
                    Coordinator coordinator = Coordinator.leading(config, store, mine)) {
                serves = true;
                LOG.debug("{} serves on port {}", advertised, coordinator.grpcPort());
                if (closing.getCount() == 0) {
                    mine.giveUp();
                }
                mine.awaitEnd();
            }
        } catch (IOException | RuntimeException failed) {
            LOG.error("epoch {} ends: this coordinator could not lead", mine.epoch(), failed);
            boolean ignored = closing.await(AGAIN_MILLIS, TimeUnit.MILLISECONDS);
        } finally {
            serves = false;
            leading = Optional.empty();
            leader = "";
        }
        LOG.info("{} no longer leads", advertised);
        standBy();
    }

    /** Its ports were its own a moment ago; what keeps them for longer than a moment is a reason to end. */
    private void standBy() throws InterruptedException {
        long end = Clock.SYSTEM.nanos() + PORTS.toNanos();
        while (closing.getCount() > 0) {
            try {
                standby = Standby.start(GrpcPorts.builder(config, tls), config.httpListen(), tls, () -> leader);
                return;
            } catch (IOException | RuntimeException failed) {
                if (Clock.SYSTEM.nanos() - end > 0) {
                    LOG.error("this coordinator can't listen any more and ends", failed);
                    closing.countDown();
                    return;
                }
                boolean ignored = closing.await(LOOK_MILLIS, TimeUnit.MILLISECONDS);
            }
        }
    }

    public int grpcPort() {
        return GrpcPorts.address(config.grpcListen().split(",", 2)[0].trim()).getPort();
    }

    public int httpPort() {
        return GrpcPorts.address(config.httpListen()).getPort();
    }

    /** Whether this coordinator surely leads now, and answers. */
    public boolean leads() {
        return serves && leading.filter(Term::holds).isPresent();
    }

    /** Stops leading at once, so that another one takes over. */
    @Override
    public void close() throws InterruptedException {
        closing.countDown();
        leading.ifPresent(Term::giveUp);
        life.join();
        standby.close();
        tls.ifPresent(ServerTls::close);
        scheduler.close();
        database.close();
    }
}
