package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SeenNumbersTest {
    @Test
    void sameAsASetAsLongAsItHasRoom() {
        SeenNumbers seen = new SeenNumbers(8 << 20);
        Set<Long> reference = new HashSet<>();
        Random random = new Random(1);
        for (int i = 0; i < 300_000; i++) {
            long number = random.nextInt(200_000) * 0x100000001L;
            assertThat(seen.add(number)).isEqualTo(reference.add(number));
        }
    }

    /** What is forgotten is read again, which costs time and no memory. */
    @Test
    void whatHasNoRoomIsForgottenAndNeverTakenForSeen() {
        SeenNumbers seen = new SeenNumbers(16 << 10);
        for (long number = 0; number < 100_000; number++) {
            assertThat(seen.add(number)).as("%d", number).isTrue();
            assertThat(seen.add(number)).as("%d", number).isFalse();
        }
        assertThat(seen.add(1)).isTrue();
    }
}
