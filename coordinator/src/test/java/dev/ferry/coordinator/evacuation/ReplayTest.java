package dev.ferry.coordinator.evacuation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a replay does with time; what it says of policies is tested where lives are made up. */
class ReplayTest {
    private static final long MIB = 1 << 20;
    private static final long HOUR = Duration.ofHours(1).toMillis();

    private static ReplayTerms terms(int jobs, long changedMebibytes) {
        return new ReplayTerms(jobs, 1, Duration.ofMillis(500), Duration.ofSeconds(60), 4096 * MIB, changedMebibytes * MIB, 200 * MIB, Duration.ofSeconds(30), 0.03);
    }

    /** Two places whose machines live for 2 to 5 hours, the last for longer than anybody looks. */
    private static List<MachineLife> lives(int each) {
        List<MachineLife> lives = new ArrayList<>();
        for (int place = 0; place < 2; place++) {
            long began = 0;
            for (int number = 0; number < each; number++) {
                long lived = (2 + (number * 7 + place * 3) % 4) * HOUR + number * 1_000L;
                lives.add(new MachineLife(place + "." + number, began, began + lived, number < each - 1));
                began += lived;
            }
        }
        return lives;
    }

    @Test
    void allTimeIsAccountedFor() {
        List<MachineLife> lives = lives(6);
        double all = 3 * lives.stream().mapToLong(life -> life.endedMillis() - life.beganMillis()).sum() / (double) HOUR;
        for (ReplayPolicy policy : ReplayPolicy.usual()) {
            ReplayReport report = Replay.run(lives, terms(3, 5), policy);
            assertThat(report.usefulHours() + report.frozenHours() + report.lostHours() + report.movingHours()).as(policy.name()).isCloseTo(all, within(1e-6));
            assertThat(report.ends()).isEqualTo(10);
            assertThat(report.useful() + report.frozen() + report.lost() + report.moving()).isCloseTo(1, within(1e-9));
        }
    }

    @Test
    void whatIsLostIsWhatCameAfterTheLastImage() {
        MachineLife taken = new MachineLife("a", 0, 2 * HOUR, true);
        MachineLife next = new MachineLife("b", 3 * HOUR, 4 * HOUR, false);
        ReplayReport none = Replay.run(List.of(taken, next), terms(1, 0), ReplayPolicy.every("every 3h", Duration.ofHours(3)));
        assertThat(none.longestLossSeconds()).as("two hours but the minute of its start").isEqualTo(7140);
        assertThat(none.images()).isZero();
        assertThat(none.movingHours() * 60).as("an hour without a machine counts as nothing").isCloseTo(2, within(1e-9));
        // At work from 1:00 on, frozen from 61:00 to 61:00.5, and what came since then is lost.
        ReplayReport one = Replay.run(List.of(taken, next), terms(1, 0), ReplayPolicy.every("every 1h", Duration.ofHours(1)));
        assertThat(one.longestLossSeconds()).isEqualTo(3539.5);
        assertThat(one.overInterval()).isZero();
        assertThat(one.losses()).isEqualTo(1);
        assertThat(one.lostGpuHours()).isEqualTo(one.lostHours());
    }

    /** Six jobs that change 5 MiB in a second each: together they change what the link sends in 28 s in 187 s, each alone in 1120 s. */
    @Test
    void whatAllJobsOfAMachineChangedMostlyFitsIntoTheNotice() {
        ReplayReport report = Replay.run(lives(12), terms(6, 5), ReplayPolicy.full());
        assertThat(report.losses()).as("of %d ends for six jobs each, the first of them before anything was measured", report.ends()).isLessThan(report.ends() * 6 / 40);
        assertThat(report.images()).isPositive();
    }

    @Test
    void lifeIsForwards() {
        assertThatThrownBy(() -> new MachineLife("m", 5, 5, true)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("m");
        assertThatThrownBy(() -> terms(0, 1)).isInstanceOf(IllegalArgumentException.class);
    }
}
