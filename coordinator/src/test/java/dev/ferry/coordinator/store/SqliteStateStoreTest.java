package dev.ferry.coordinator.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SqliteStateStoreTest extends StateStoreContract {
    @TempDir Path folder;

    @Override
    StateStore open() throws Exception {
        return SqliteStateStore.open(folder);
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
}
