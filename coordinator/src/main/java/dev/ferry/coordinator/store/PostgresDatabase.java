package dev.ferry.coordinator.store;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Properties;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.JdbiException;
import org.postgresql.Driver;

/**
 * The connections of one coordinator to a PostgreSQL database, with the schema as it must be. Nothing waits for ever on
 * it: not for a connection, a statement or a lock, and the server itself ends a transaction that stands still, so that a
 * coordinator which was stopped in the middle of one does not keep the next from leading.
 */
public final class PostgresDatabase implements AutoCloseable {
    private static final Duration CONNECT = Duration.ofSeconds(3);
    private static final Duration STATEMENT = Duration.ofSeconds(10);
    /** Shorter than any sensible term: a leader that stands still with the leader's row locked is thrown out by the server. */
    private static final Duration STANDS_STILL = Duration.ofSeconds(3);
    /** One for transactions, one for the term, which must not wait for them, and one to spare. */
    private static final int CONNECTIONS = 3;

    private final HikariDataSource connections;
    private final Jdbi jdbi;
    private final String name;

    private PostgresDatabase(HikariDataSource connections, String name) {
        this.connections = connections;
        this.name = name;
        jdbi = Jdbi.create(connections);
    }

    /**
     * Connects and brings the schema up to date; several coordinators may do so at once.
     *
     * @param url {@code jdbc:postgresql://host:port/database?...}
     * @param password empty: none is needed
     * @throws FerryException DATABASE_UNREACHABLE, FORMAT_UNKNOWN when a newer Ferry made the schema
     */
    public static PostgresDatabase open(String url, String user, String password) {
        HikariConfig config = new HikariConfig();
        config.setPoolName("state");
        config.setDriverClassName(Driver.class.getName());
        config.setJdbcUrl(url);
        if (!user.isEmpty()) {
            config.setUsername(user);
        }
        if (!password.isEmpty()) {
            config.setPassword(password);
        }
        config.setMaximumPoolSize(CONNECTIONS);
        config.setMinimumIdle(1);
        config.setConnectionTimeout(CONNECT.toMillis());
        config.setValidationTimeout(CONNECT.toMillis());
        config.setInitializationFailTimeout(-1);
        Properties driver = new Properties();
        driver.setProperty("connectTimeout", Long.toString(CONNECT.toSeconds()));
        driver.setProperty("socketTimeout", Long.toString(STATEMENT.toSeconds() + 2));
        driver.setProperty("tcpKeepAlive", "true");
        driver.setProperty(
                "options", "-c statement_timeout=" + STATEMENT.toMillis() + " -c lock_timeout=" + STATEMENT.toMillis() + " -c idle_in_transaction_session_timeout=" + STANDS_STILL.toMillis());
        config.setDataSourceProperties(driver);
        HikariDataSource connections = new HikariDataSource(config);
        String name = url.replaceFirst("\\?.*", "").replaceFirst("^jdbc:", "");
        try {
            migrate(connections, name);
            return new PostgresDatabase(connections, name);
        } catch (RuntimeException failed) {
            connections.close();
            throw failed;
        }
    }

    private static void migrate(HikariDataSource connections, String name) {
        try {
            var result =
                    Flyway.configure(PostgresDatabase.class.getClassLoader())
                            .dataSource(connections)
                            .locations("classpath:dev/ferry/coordinator/store/postgresql")
                            // A schema with migrations that this Ferry does not have was made by a newer one.
                            .ignoreMigrationPatterns(new String[0])
                            .load()
                            .migrate();
            if (!result.success) {
                throw new FerryException(ErrorCode.INTERNAL, "The schema of " + name + " could not be brought up to date");
            }
        } catch (FlywayException failed) {
            throw String.valueOf(failed.getMessage()).contains("not resolved locally")
                    ? new FerryException(ErrorCode.FORMAT_UNKNOWN, "The database " + name + " has a schema that this Ferry does not know", failed)
                    : unreachable(name, failed);
        }
    }

    Jdbi jdbi() {
        return jdbi;
    }

    /** Where it is, for people; without user and password. */
    public String name() {
        return name;
    }

    FerryException translate(JdbiException failed) {
        SQLException cause = failed.getCause() instanceof SQLException sql ? sql : new SQLException(failed);
        String state = String.valueOf(cause.getSQLState());
        if (state.startsWith("53")) {
            return new FerryException(ErrorCode.DISK_FULL, "The database " + name + " has no room: " + cause.getMessage(), failed);
        }
        if (state.startsWith("42") || state.startsWith("22") || state.startsWith("23")) {
            return new FerryException(ErrorCode.INTERNAL, "The database " + name + " failed: " + cause.getMessage(), failed);
        }
        return unreachable(name, failed);
    }

    private static FerryException unreachable(String name, Throwable failed) {
        Throwable root = failed;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return new FerryException(ErrorCode.DATABASE_UNREACHABLE, "The database " + name + " does not answer: " + root.getMessage(), failed);
    }

    @Override
    public void close() {
        connections.close();
    }
}
