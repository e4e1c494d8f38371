package dev.ferry.coordinator.store;

import dev.ferry.common.FerryException;
import java.time.Duration;
import java.util.Optional;
import org.jdbi.v3.core.JdbiException;

/**
 * The row that says who leads. All times in it are those of the database's own clock, so that the clocks of the
 * coordinators' machines don't matter.
 */
public final class LeaderRow {
    private final PostgresDatabase database;

    /**
     * Who leads.
     *
     * @param holder the coordinator's name, which no other one has
     * @param address where daemons and the command line reach it
     * @param left how long its term goes on if it does nothing; negative: it is over
     */
    public record Leader(long epoch, String holder, String address, Duration left) {}

    public LeaderRow(PostgresDatabase database) {
        this.database = database;
    }

    /**
     * Takes over if the term of the leader is over. Also from a holder of the same name: its process before this one.
     *
     * @return the epoch that has begun; empty: another one leads
     * @throws FerryException DATABASE_UNREACHABLE
     */
    public Optional<Long> take(String holder, String address, Duration term) {
        return ask(
                """
                UPDATE leader SET epoch = epoch + 1, holder = ?, address = ?, until = clock_timestamp() + ? * interval '1 millisecond'
                WHERE one = 1 AND until < clock_timestamp() RETURNING epoch""",
                holder, address, term.toMillis());
    }

    /**
     * Lengthens the term of an epoch.
     *
     * @return false: another epoch has begun
     * @throws FerryException DATABASE_UNREACHABLE: whether the term was lengthened is not known
     */
    public boolean renew(long epoch, Duration term) {
        return ask(
                        """
                        UPDATE leader SET until = clock_timestamp() + ? * interval '1 millisecond' WHERE one = 1 AND epoch = ? RETURNING epoch""",
                        term.toMillis(), epoch)
                .isPresent();
    }

    /** Ends the term of an epoch at once, so that the next one need not wait for its end. */
    public void resign(long epoch) {
        Optional<Long> ignored = ask("UPDATE leader SET until = clock_timestamp() - interval '1 millisecond' WHERE one = 1 AND epoch = ? RETURNING epoch", epoch);
    }

    /**
     * Who leads, or led last.
     *
     * @return empty: nobody ever did
     */
    public Optional<Leader> current() {
        try {
            return database.jdbi()
                    .withHandle(
                            handle ->
                                    handle.createQuery("SELECT epoch, holder, address, (EXTRACT(EPOCH FROM until - clock_timestamp()) * 1000)::BIGINT AS left_millis FROM leader WHERE one = 1 AND epoch > 0")
                                            .map(
                                                    (row, context) ->
                                                            new Leader(row.getLong("epoch"), row.getString("holder"), row.getString("address"), Duration.ofMillis(row.getLong("left_millis"))))
                                            .findOne());
        } catch (JdbiException failed) {
            throw database.translate(failed);
        }
    }

    private Optional<Long> ask(String sql, Object... values) {
        try {
            return database.jdbi()
                    .withHandle(
                            handle -> {
                                var query = handle.createQuery(sql);
                                for (int i = 0; i < values.length; i++) {
                                    query.bind(i, values[i]);
                                }
                                return query.mapTo(Long.class).findOne();
                            });
        } catch (JdbiException failed) {
            throw database.translate(failed);
        }
    }
}
