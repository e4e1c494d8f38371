package dev.ferry.coordinator.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.Statement;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SqliteStateStoreTest extends StateStoreContract {
    @TempDir Path folder;

    @Override
    StateStore open() throws Exception {
        return SqliteStateStore.open(folder);
    }

    @Test
    void nobodyElseMayLead() {
        assertThat(store.canBeDeposed()).isFalse();
    }

    @Test
    void aSecondCoordinatorOnTheSameFolderIsRefused() {
        assertThatThrownBy(() -> SqliteStateStore.open(folder))
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.WRONG_STATE))
                .hasMessageContaining(folder.toString());
    }

    @Test
    void aNewerDatabaseIsNotTouched() throws Exception {
        store.close();
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + folder.resolve("state.db"))) {
            connection.createStatement().execute("PRAGMA user_version = 99");
        }
        assertThatThrownBy(() -> SqliteStateStore.open(folder)).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.FORMAT_UNKNOWN));
    }

    /** What the first Ferry made; records in it are read and written as ever. */
    @Test
    void aDatabaseOfTheFirstSchemaIsTakenOver() throws Exception {
        Job job = Job.newBuilder().setId("j-old").setState(JobState.RUNNING).setVersion(7).build();
        Path old = folder.resolve("old");
        Files.createDirectories(old);
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + old.resolve("state.db"));
                Statement statement = connection.createStatement()) {
            statement.execute("CREATE TABLE job (id TEXT PRIMARY KEY, name TEXT NOT NULL, live INTEGER NOT NULL, submitted INTEGER NOT NULL, record BLOB NOT NULL)");
            statement.execute("CREATE TABLE operation (id TEXT PRIMARY KEY, job TEXT NOT NULL, open INTEGER NOT NULL, started INTEGER NOT NULL, record BLOB NOT NULL)");
            statement.execute("CREATE TABLE image (id TEXT PRIMARY KEY, job TEXT NOT NULL, sequence INTEGER NOT NULL, record BLOB NOT NULL)");
            statement.execute("CREATE TABLE node (name TEXT PRIMARY KEY, record BLOB NOT NULL)");
            statement.execute("PRAGMA user_version = 1");
            try (PreparedStatement insert = connection.prepareStatement("INSERT INTO job VALUES ('j-old', '', 1, 5, ?)")) {
                insert.setBytes(1, job.toByteArray());
                insert.execute();
            }
            try (PreparedStatement insert = connection.prepareStatement("INSERT INTO job VALUES ('j-ended', '', 0, 5, ?)")) {
                insert.setBytes(1, job.toBuilder().setId("j-ended").setState(JobState.EXITED).setEndedAt(70).build().toByteArray());
                insert.execute();
            }
        }
        try (StateStore taken = SqliteStateStore.open(old)) {
            List<Job> live = taken.transact(Transaction::liveJobs);
            assertThat(live).containsExactly(job);
            // When it ended was not noted: it is found until it is written again.
            Job ended = taken.transact(state -> state.endedJobs(1, "", 10)).getFirst();
            assertThat(ended.getId()).isEqualTo("j-ended");
            Job noted = taken.transact(state -> state.put(ended));
            assertThat(taken.<List<Job>>transact(state -> state.endedJobs(70, "", 10))).isEmpty();
            assertThat(taken.<List<Job>>transact(state -> state.endedJobs(71, "", 10))).containsExactly(noted);
            Job written = taken.transact(state -> state.put(job));
            assertThat(written.getVersion()).isEqualTo(8);
            RecordKind<Job> copies = RecordKind.of("copy", Job.parser(), Job::getId);
            taken.transact(
                    state -> {
                        state.put(copies, job);
                        return true;
                    });
            Optional<Job> copy = taken.transact(state -> state.record(copies, "j-old"));
            assertThat(copy).contains(job);
        }
    }
}
