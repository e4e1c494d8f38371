package dev.ferry.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import org.junit.jupiter.api.Test;

class DirectMemoryTest {
    @Test
    void whatTheLauncherGivesIsEnough() {
        assertThatCode(() -> DirectMemory.requireRoom(128L << 20)).doesNotThrowAnyException();
    }

    @Test
    void lessThanTheBuffersNeedIsRefusedWithTheOptionThatGivesMore() {
        assertThatThrownBy(() -> DirectMemory.requireRoom(64L << 20))
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.CONFIG_INVALID))
                .hasMessageContainingAll("104 MiB", "64 MiB", "outside its heap", "-XX:MaxDirectMemorySize=104m");
        assertThatCode(() -> DirectMemory.requireRoom(104L << 20)).doesNotThrowAnyException();
    }

    /** It has as much as its heap, or what an option says. */
    @Test
    void thisProcessKnowsItsLimit() {
        assertThatCode(DirectMemory::requireRoom).doesNotThrowAnyException();
    }
}
