package dev.ferry.scheduling.simulate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;
import static org.assertj.core.api.Assertions.withinPercentage;

import dev.ferry.scheduling.simulate.TraceProfile.Outcome;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * Compares many drawn jobs with the published figures of the table in docs/scheduling.md, which says where each is from; with {@code -Dferry.figures=true} it prints
 * that table's right column. Figures that are only remembered were not fitted to and have wide bounds.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TraceGeneratorTest {
    private static final int DAY = 86_400;
    private static final int WEEK = 7 * DAY;
    private static final int WEEKS = 16;
    private static final int MANY = 500_000;
    private static final TraceProfile PROFILE = TraceProfile.philly();

    private List<DrawnJob> jobs;
    private double[] times;

    @BeforeAll
    void draw() {
        jobs = TraceGenerator.draw(PROFILE, 1, MANY, shares(), (long) WEEKS * WEEK);
        times = jobs.stream().mapToDouble(DrawnJob::seconds).sorted().toArray();
    }

    private static double[] shares() {
        return PROFILE.accounts().values().stream().mapToDouble(Integer::doubleValue).toArray();
    }

    private static double said(String what, double value) {
        if (Boolean.getBoolean("ferry.figures")) {
            System.out.printf(Locale.ROOT, "generated: %s: %.4g%n", what, value);
        }
        return value;
    }

    private double part(Predicate<DrawnJob> which) {
        return jobs.stream().filter(which).count() / (double) jobs.size();
    }

    private double mean(ToDoubleFunction<DrawnJob> what) {
        return jobs.stream().mapToDouble(what).average().orElseThrow();
    }

    private static double work(DrawnJob job) {
        return job.gpus() * job.seconds();
    }

    private double partOfWork(Predicate<DrawnJob> which) {
        return jobs.stream().filter(which).mapToDouble(TraceGeneratorTest::work).sum() / jobs.stream().mapToDouble(TraceGeneratorTest::work).sum();
    }

    @Test
    void sizesAreAsPublished() {
        assertThat(said("1 GPU", part(job -> job.gpus() == 1))).isCloseTo(0.70, offset(0.01));
        assertThat(said("2 GPUs", part(job -> job.gpus() == 2))).isCloseTo(0.10, offset(0.01));
        assertThat(said("4 GPUs", part(job -> job.gpus() == 4))).isCloseTo(0.15, offset(0.01));
        assertThat(said("8 GPUs and more", part(job -> job.gpus() >= 8))).isCloseTo(0.05, offset(0.005));
        assertThat(said("mean GPUs", mean(DrawnJob::gpus))).isCloseTo(1.928, withinPercentage(3));
        assertThat(jobs.stream().mapToInt(DrawnJob::gpus).max()).hasValue(128);
    }

    @Test
    void runTimesAreAsPublished() {
        assertThat(said("median seconds", times[MANY / 2])).isCloseTo(874, withinPercentage(3));
        assertThat(said("mean seconds", mean(DrawnJob::seconds))).isCloseTo(18_006, withinPercentage(5));
        assertThat(said("most seconds", times[MANY - 1])).isEqualTo(4_240_676);
        assertThat(said("mean GPU seconds", mean(TraceGeneratorTest::work))).isCloseTo(61_039, withinPercentage(10));
        assertThat(said("longer than a week", part(job -> job.seconds() > WEEK))).isCloseTo(0.005, offset(0.001));
    }

    @Test
    void jobsEndAsPublished() {
        assertThat(said("passed", part(job -> job.outcome() == Outcome.PASSED))).isCloseTo(0.604, offset(0.005));
        assertThat(said("killed", part(job -> job.outcome() == Outcome.KILLED))).isCloseTo(0.090, offset(0.005));
        assertThat(said("failed", part(job -> job.outcome() == Outcome.FAILED))).isCloseTo(0.305, offset(0.005));
        assertThat(said("GPU time of passed", partOfWork(job -> job.outcome() == Outcome.PASSED))).isCloseTo(0.321, offset(0.03));
        assertThat(said("GPU time of killed", partOfWork(job -> job.outcome() == Outcome.KILLED))).isCloseTo(0.294, offset(0.03));
        assertThat(said("GPU time of failed", partOfWork(job -> job.outcome() == Outcome.FAILED))).isCloseTo(0.386, offset(0.03));
    }

    @Test
    void submissionsFollowTheDayAndTheWeek() {
        double[] published = {0.090, 0.012, 0.211, 0.219, 0.242, 0.226};
        for (int at = 0; at < published.length; at++) {
            int four = at;
            assertThat(said("from " + at * 4 + " h on", part(job -> job.submitted() % DAY / (4 * 3600) == four))).isCloseTo(published[at], offset(0.01));
        }
        double weekend = part(job -> job.submitted() / DAY % 7 >= 5);
        assertThat(said("a day at the weekend", weekend / 2 / ((1 - weekend) / 5))).isCloseTo(0.57, offset(0.03));
        assertThat(said("variance by mean in ten minutes", burstiness())).isCloseTo(3.2, offset(0.5));
    }

    /** Of the jobs in ten minutes on working days from 10 h on: variance in each hour by the mean, as it was taken from the record. */
    private double burstiness() {
        int[] counts = new int[WEEKS * WEEK / 600];
        jobs.forEach(job -> counts[(int) (job.submitted() / 600)]++);
        double variances = 0;
        double means = 0;
        for (int hour = 0; hour < counts.length / 6; hour++) {
            if (hour % 24 >= 10 && hour / 24 % 7 < 5) {
                int[] six = Arrays.copyOfRange(counts, hour * 6, hour * 6 + 6);
                double mean = IntStream.of(six).average().orElseThrow();
                variances += IntStream.of(six).mapToDouble(count -> (count - mean) * (count - mean)).sum() / 5;
                means += mean;
            }
        }
        return variances / means;
    }

    @Test
    void fewUsersHaveMostOfTheTimeAndAccountsHaveUsersByTheirShares() {
        double[] byUser = new double[PROFILE.users()];
        jobs.forEach(job -> byUser[job.user()] += work(job));
        Arrays.sort(byUser);
        double top = Arrays.stream(byUser, byUser.length * 95 / 100, byUser.length).sum() / Arrays.stream(byUser).sum();
        assertThat(said("GPU time of a twentieth of the users", top)).isBetween(0.45, 0.60);
        assertThat(jobs.stream().map(DrawnJob::account).distinct()).hasSize(PROFILE.accounts().size());
        assertThat(jobs.stream().collect(Collectors.toMap(DrawnJob::user, DrawnJob::account, (one, other) -> one.equals(other) ? one : -1)).values()).as("a user is in one account").doesNotContain(-1);
    }

    @Test
    void runTimesAreFittedToTheLoadByOneFactor() {
        long time = WEEK;
        List<SimulatedJob> made = TraceGenerator.make(PROFILE, 1, 10_000, IntStream.range(0, 11).toArray(), shares(), time, 512, 0.9);
        List<DrawnJob> drawn = TraceGenerator.draw(PROFILE, 1, 10_000, shares(), time);
        assertThat(made).hasSize(10_000).isSortedAccordingTo((one, other) -> Long.compare(one.submitted(), other.submitted()));
        double could = made.stream().mapToDouble(job -> job.demand().size(true) * Math.min(job.seconds(), time - job.submitted())).sum();
        assertThat(could).isCloseTo(0.9 * 512 * time, withinPercentage(0.1));
        double longest = drawn.stream().mapToDouble(DrawnJob::seconds).max().orElseThrow();
        double scale = said("factor for a load of 0.9", made.stream().mapToLong(SimulatedJob::seconds).max().orElseThrow() / longest);
        for (int at = 0; at < made.size(); at++) {
            assertThat((double) made.get(at).seconds()).isCloseTo(Math.max(10, drawn.get(at).seconds() * scale), offset(1.0));
        }
    }
}
