package dev.ferry.node.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import org.junit.jupiter.api.Test;

class DumpHeapTest {
    private static final long GIB = 1L << 30;
    private final DumpHeap heap = new DumpHeap(256 << 20);

    private static void assertRefused(DumpHeap.Use use, long bytes, String... naming) {
        assertThatThrownBy(() -> use.take("j-aaaaaaaa", bytes))
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.OBJECT_TOO_LARGE))
                .hasMessageContainingAll(naming);
    }

    @Test
    void aGibibyteTakesTwoMegabytes() {
        assertThat(DumpHeap.estimate(0)).isZero();
        assertThat(DumpHeap.estimate(1)).isEqualTo(550);
        assertThat(DumpHeap.estimate(GIB)).isBetween(2_200_000L, 2_400_000L);
    }

    @Test
    void aJobThatHasNoRoomIsRefusedWithTheHeapThatItNeeds() {
        try (DumpHeap.Use use = heap.begin()) {
            assertRefused(use, 100 * GIB, "j-aaaaaaaa", "100 GiB", "-Xmx370m");
            use.take("j-aaaaaaaa", 60 * GIB);
        }
        try (DumpHeap.Use use = new DumpHeap(370 << 20).begin()) {
            use.take("j-aaaaaaaa", 100 * GIB);
        }
    }

    @Test
    void whatOthersTakeCountsUntilTheyAreDone() {
        try (DumpHeap.Use use = heap.begin()) {
            try (DumpHeap.Use other = heap.begin()) {
                other.take("j-bbbbbbbb", 60 * GIB);
                assertRefused(use, 40 * GIB, "beside");
            }
            use.take("j-aaaaaaaa", 40 * GIB);
        }
        try (DumpHeap.Use again = heap.begin()) {
            again.take("j-aaaaaaaa", 60 * GIB);
        }
    }
}
