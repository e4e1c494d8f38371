package dev.ferry.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.ErrorCode;
import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;

class SpoolMemoryTest {
    private static final int BUFFER = 256 << 10;

    @Test
    void theUsualSpoolIsTakenOnTheSmallestMachine() {
        assertThatCode(() -> SpoolMemory.requireRoom(Sizes.parse(NodeConfig.defaults().spoolMemory()), 400L << 20)).doesNotThrowAnyException();
    }

    @Test
    void oneThatTakesMoreThanHalfOfTheMachineIsRefused() {
        assertThatThrownBy(() -> SpoolMemory.requireRoom(513L << 20, 1L << 30))
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.CONFIG_INVALID))
                .hasMessageContainingAll("spoolMemory", "513 MiB", "1.0 GiB", "take less");
        assertThatCode(() -> SpoolMemory.requireRoom(512L << 20, 1L << 30)).doesNotThrowAnyException();
    }

    @Test
    void theMachinesMemoryIsKnown() {
        assertThatThrownBy(() -> SpoolMemory.buffers(1L << 50, BUFFER)).isInstanceOf(FerryException.class).hasMessageContaining("more than half");
    }

    @Test
    void buffersOfASmallSpoolAreThereAndDoNotOverlap() {
        List<ByteBuffer> buffers = SpoolMemory.buffers(5 << 20, BUFFER);
        assertThat(buffers).hasSize(20).allSatisfy(buffer -> assertThat(buffer.isDirect()).isTrue());
        for (int i = 0; i < buffers.size(); i++) {
            ByteBuffer buffer = buffers.get(i);
            assertThat(buffer.remaining()).isEqualTo(BUFFER);
            while (buffer.hasRemaining()) {
                buffer.put((byte) i);
            }
        }
        for (int i = 0; i < buffers.size(); i++) {
            assertThat(buffers.get(i).get(0)).isEqualTo((byte) i);
            assertThat(buffers.get(i).get(BUFFER - 1)).isEqualTo((byte) i);
        }
    }
}
