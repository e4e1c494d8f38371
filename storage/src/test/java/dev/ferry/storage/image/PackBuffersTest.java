package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class PackBuffersTest {
    /** An upload that never ends must not hold up all others for ever, and without a word. */
    @Test
    @Timeout(20)
    void oneThatIsNotGivenBackIsNotWaitedForWithoutEnd() throws Exception {
        PackBuffers buffers = new PackBuffers(Duration.ofMillis(50));
        List<byte[]> taken = new ArrayList<>();
        for (int i = 0; i < PackBuffers.MOST; i++) {
            taken.add(buffers.take());
        }
        assertThatThrownBy(buffers::take).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.STORE_UNREACHABLE));
        buffers.give(taken.getFirst());
        assertThat(buffers.take()).isSameAs(taken.getFirst());
    }
}
