package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class WindowNamesTest {
    private final Random random = new Random(3);

    private WindowDigest digest() {
        // Few values, so that many meet at one place and differ in one part only.
        return new WindowDigest(random.nextInt(4), random.nextInt(6), random.nextInt(6), random.nextInt(6), random.nextInt(6));
    }

    private Named named() {
        return new Named(new ChunkName(random.nextLong(), random.nextLong(), random.nextLong(), random.nextLong()), random.nextLong());
    }

    @Test
    void sameAsAMap() {
        WindowNames names = new WindowNames(() -> true);
        Map<WindowDigest, Named> reference = new HashMap<>();
        for (int i = 0; i < 20_000; i++) {
            WindowDigest digest = digest();
            assertThat(names.find(digest)).isEqualTo(reference.get(digest));
            Named named = named();
            names.add(digest, named);
            reference.putIfAbsent(digest, named);
        }
        reference.forEach((digest, named) -> assertThat(names.find(digest)).isEqualTo(named));
        assertThat(names.blocks()).isEqualTo(Math.ceilDiv(reference.size(), WindowNames.BLOCK_ROWS));
    }

    @Test
    void whatHasNoRoomIsNotKept() {
        int[] asked = {0};
        WindowNames names = new WindowNames(() -> asked[0]++ < 2);
        int room = 2 * WindowNames.BLOCK_ROWS;
        for (int i = 0; i < room + 500; i++) {
            names.add(new WindowDigest(i, i, 0, 0, 0), new Named(new ChunkName(i, 0, 0, 0), i));
        }
        assertThat(names.blocks()).isEqualTo(2);
        for (int i = 0; i < room + 500; i++) {
            Named expected = i < room ? new Named(new ChunkName(i, 0, 0, 0), i) : null;
            assertThat(names.find(new WindowDigest(i, i, 0, 0, 0))).isEqualTo(expected);
        }
    }
}
