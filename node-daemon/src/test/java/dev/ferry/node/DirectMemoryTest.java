package dev.ferry.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.ErrorCode;
import org.junit.jupiter.api.Test;

class DirectMemoryTest {
    /** As the launcher sets it for a node. */
    private static final long LIMIT = 384L << 20;

    @Test
    void theUsualSpoolFits() {
        assertThatCode(() -> DirectMemory.requireRoom(Sizes.parse(NodeConfig.defaults().spoolMemory()), LIMIT)).doesNotThrowAnyException();
    }

    @Test
    void oneThatLeavesNothingForOtherBuffersIsRefusedWithTheOptionThatItNeeds() {
        assertThatThrownBy(() -> DirectMemory.requireRoom(320L << 20, LIMIT))
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.CONFIG_INVALID))
                .hasMessageContainingAll("spoolMemory", "320 MiB", "384 MiB", "-XX:MaxDirectMemorySize=424m");
        assertThatCode(() -> DirectMemory.requireRoom(320L << 20, 424L << 20)).doesNotThrowAnyException();
    }

    @Test
    void thisProcessKnowsItsLimit() {
        assertThatThrownBy(() -> DirectMemory.requireRoom(1L << 50)).isInstanceOf(FerryException.class).hasMessageContaining("outside its heap");
    }
}
