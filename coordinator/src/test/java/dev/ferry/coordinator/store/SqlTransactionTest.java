package dev.ferry.coordinator.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Node;
import java.util.List;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;

class SqlTransactionTest {
    private static final Node NODE = Node.newBuilder().setName("node-1").build();

    /** Nothing is written, and nothing undone. */
    @Test
    void whoMayNotWriteChangesNothingOfWhatIsKept() {
        Kept kept = Kept.nothing();
        assertThat(kept.nodes().list(() -> List.of(NODE))).containsExactly(NODE);
        try (Handle handle = Jdbi.open("jdbc:sqlite::memory:")) {
            SqlTransaction deposed =
                    new SqlTransaction(
                            handle,
                            fenced -> {
                                throw new FerryException(ErrorCode.WRONG_STATE, "another one leads");
                            },
                            kept);
            assertThatThrownBy(() -> deposed.deleteNode("node-1")).hasMessageContaining("another one leads");
            assertThat(deposed.writes()).isFalse();
            assertThat(deposed.nodes()).containsExactly(NODE);
        }
    }
}
