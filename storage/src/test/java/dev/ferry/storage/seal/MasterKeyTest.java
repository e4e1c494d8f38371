package dev.ferry.storage.seal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MasterKeyTest {
    private static final Duration SHORT = Duration.ofMillis(200);

    /** What the shell has started has its output as well, and is not ended by the shell's end. */
    @ParameterizedTest
    @ValueSource(strings = {"sleep 300", "sleep 300 | cat", "sleep 300; true", "(sleep 300 | cat) | cat"})
    @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void aCommandThatDoesNotAnswerIsGivenUp(String command) {
        assertThatThrownBy(() -> MasterKey.ofCommand(command, SHORT))
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.CONFIG_INVALID))
                .hasMessageContaining("did not answer within");
    }

    @Test
    void aCommandThatFailsIsNamedWithItsStatus() {
        assertThatThrownBy(() -> MasterKey.ofCommand("exit 7")).isInstanceOf(FerryException.class).hasMessageContaining("status 7");
    }
}
