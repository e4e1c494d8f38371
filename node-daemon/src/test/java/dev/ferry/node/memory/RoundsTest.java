package dev.ferry.node.memory;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.node.memory.Rounds.Round;
import dev.ferry.node.memory.Rounds.Verdict;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class RoundsTest {
    private static final Rounds ROUNDS = new Rounds(4, Duration.ofSeconds(60));
    private static final Duration SOON = Duration.ofSeconds(1);

    private static Round round(long fresh) {
        return new Round(1000, fresh);
    }

    @Test
    void goesOnWhileTheRestShrinks() {
        assertThat(ROUNDS.after(List.of(round(1000)), SOON)).isEqualTo(Verdict.AGAIN);
        assertThat(ROUNDS.after(List.of(round(1000), round(300)), SOON)).isEqualTo(Verdict.AGAIN);
        assertThat(ROUNDS.after(List.of(round(1000), round(300), round(100)), SOON)).isEqualTo(Verdict.AGAIN);
    }

    @Test
    void endsWhenTheRestIsSmallOrNoLongerShrinks() {
        assertThat(ROUNDS.after(List.of(round(10)), SOON)).as("a job that was copied before").isEqualTo(Verdict.ENOUGH);
        assertThat(ROUNDS.after(List.of(round(1000), round(10)), SOON)).isEqualTo(Verdict.ENOUGH);
        assertThat(ROUNDS.after(List.of(round(1000), round(300), round(290)), SOON)).isEqualTo(Verdict.ENOUGH);
    }

    @Test
    void endsWhenTheBudgetIsSpent() {
        assertThat(ROUNDS.after(List.of(round(1000), round(300), round(100), round(40)), SOON)).isEqualTo(Verdict.ENOUGH);
        assertThat(ROUNDS.after(List.of(round(1000), round(300)), Duration.ofSeconds(61))).isEqualTo(Verdict.ENOUGH);
        assertThat(ROUNDS.after(List.of(round(1000)), Duration.ofSeconds(61))).isEqualTo(Verdict.ENOUGH);
    }

    @Test
    void saysWhenTheJobWritesFasterThanItCanBeCopied() {
        assertThat(ROUNDS.after(List.of(round(1000), round(900)), SOON)).isEqualTo(Verdict.TOO_FAST);
        assertThat(ROUNDS.after(List.of(round(1000), round(600)), Duration.ofSeconds(61))).isEqualTo(Verdict.TOO_FAST);
    }

    @Test
    void aJobWithoutMemoryNeedsNoSecondRound() {
        assertThat(ROUNDS.after(List.of(new Round(0, 0)), SOON)).isEqualTo(Verdict.ENOUGH);
    }
}
