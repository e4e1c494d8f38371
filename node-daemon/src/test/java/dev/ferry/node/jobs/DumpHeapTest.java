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

    /** A restore does without memory that was filled ahead. */
    @Test
    void whatMayBeLeftOutIsNoError() {
        try (DumpHeap.Use use = heap.begin(); DumpHeap.Use other = heap.begin()) {
            assertThat(other.tryTake(60 * GIB)).isFalse();
            assertThat(other.tryTake(30 * GIB)).isTrue();
            assertThat(use.tryTake(10 * GIB)).isFalse();
            assertThat(use.tryTake(GIB)).isTrue();
            use.take("j-aaaaaaaa", 30 * GIB);
            assertRefused(use, 40 * GIB, "beside");
        }
        try (DumpHeap.Use again = heap.begin()) {
            again.take("j-aaaaaaaa", 60 * GIB);
        }
    }

    /** Nobody has measured the job's folders before: what they take is counted as it comes. */
    @Test
    void whatTheFoldersTakeIsBoundedAsWell() {
        int most = (int) ((256 << 20) * 0.6 / 550);
        try (DumpHeap.Use use = heap.begin()) {
            use.take("j-aaaaaaaa", GIB);
            var room = use.room("j-aaaaaaaa");
            room.take(1);
            assertThatThrownBy(() -> room.take(most))
                    .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.OBJECT_TOO_LARGE))
                    .hasMessageContainingAll("j-aaaaaaaa", "/scratch", "-Xmx512m");
            room.take(most - 1);
            assertThatThrownBy(() -> room.take(1)).isInstanceOf(FerryException.class);
            try (DumpHeap.Use other = heap.begin()) {
                assertRefused(other, GIB, "beside");
            }
        }
        try (DumpHeap.Use again = heap.begin()) {
            again.take("j-aaaaaaaa", 60 * GIB);
        }
    }

    @Test
    void theJobsOwnMemoryIsNotCountedTwice() {
        try (DumpHeap.Use use = heap.begin(); DumpHeap.Use other = heap.begin()) {
            use.take("j-aaaaaaaa", 60 * GIB);
            use.room("j-aaaaaaaa").take((int) (DumpHeap.estimate(60 * GIB) / 550));
            other.take("j-bbbbbbbb", 4 * GIB);
        }
    }
}
