package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.storage.Background;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** When the threads behind a dump step back. */
class WorkersTest {
    private final List<String> told = new ArrayList<>();
    private final Workers workers =
            new Workers(
                    new Background() {
                        @Override
                        public void enter() {}

                        @Override
                        public void stepBack() {
                            told.add("back");
                        }

                        @Override
                        public void comeForward() {
                            told.add("forward");
                        }
                    });

    @Test
    void theyAreBehindWhileAnyJobStandsStill() {
        workers.standsStill();
        workers.standsStill();
        workers.goesOn();
        assertThat(told).containsExactly("back");
        workers.goesOn();
        assertThat(told).containsExactly("back", "forward");
        workers.standsStill();
        workers.goesOn();
        assertThat(told).containsExactly("back", "forward", "back", "forward");
    }

    @Test
    void whoeverWaitsForThemBringsThemForwardOnce() {
        workers.awaited();
        assertThat(told).isEmpty();
        workers.standsStill();
        workers.awaited();
        workers.awaited();
        assertThat(told).containsExactly("back", "forward");
        workers.goesOn();
        assertThat(told).as("they are forward already").containsExactly("back", "forward");
    }
}
