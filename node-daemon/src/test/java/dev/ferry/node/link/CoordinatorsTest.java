package dev.ferry.node.link;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** How long each of several coordinators is waited for. Nothing is dialled. */
class CoordinatorsTest {
    private static final Duration SHORT = Duration.ofSeconds(2);

    private final Coordinators two = new Coordinators("127.0.0.1:1,127.0.0.1:2", address -> NettyChannelBuilder.forTarget(address).usePlaintext().build());

    @AfterEach
    void close() {
        two.close();
    }

    private void round(boolean first, boolean second) {
        assertThat(two.next(first)).isFalse();
        assertThat(two.next(second)).isTrue();
    }

    @Test
    void whereAllAreSilentTheyAreGivenLonger() {
        assertThat(two.patience()).isEqualTo(SHORT);
        round(true, true);
        assertThat(two.patience()).isEqualTo(SHORT.multipliedBy(2));
        round(true, true);
        round(true, true);
        assertThat(two.patience()).isEqualTo(Duration.ofSeconds(10));
    }

    @Test
    void aLeaderThatIsSlowBesideOneThatStandsByIsGivenLongerAtLast() {
        for (int round = 0; round < 3; round++) {
            round(true, false);
            assertThat(two.patience()).as("another one may lead soon").isEqualTo(SHORT);
        }
        round(true, false);
        assertThat(two.patience()).isEqualTo(SHORT.multipliedBy(2));
    }

    @Test
    void whoRefusesAtOnceIsNotSlow() {
        for (int round = 0; round < 20; round++) {
            round(false, false);
        }
        assertThat(two.patience()).isEqualTo(SHORT);
    }
}
