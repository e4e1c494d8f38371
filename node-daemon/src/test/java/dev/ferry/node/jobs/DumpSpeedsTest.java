package dev.ferry.node.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.ferry.proto.v1.DumpEstimate;
import dev.ferry.proto.v1.DumpSample;
import dev.ferry.storage.BufferPool;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DumpSpeedsTest {
    private static final long GIB = 1L << 30;

    @TempDir private Path folder;

    /** 100 ms and half a second for each GiB. */
    private static DumpSample sample(double gibibytes, long waitedMicros) {
        long dump = 100_000 + Math.round(gibibytes * 500_000) + waitedMicros;
        return DumpSample.newBuilder().setBytes(Math.round(gibibytes * GIB)).setDumpMicros(dump).setWaitedMicros(waitedMicros).setWholeMicros(Math.round(gibibytes * 2_000_000)).build();
    }

    private static DumpEstimate estimate(List<DumpSample> samples, long bytes, long spool) {
        return DumpSpeeds.estimate(samples, new JobMemory(bytes, 1), spool / 2, spool / 2);
    }

    @Test
    void findsTheFixedPartAndTheSpeedInDumpsOfDifferentSizes() {
        DumpEstimate four = estimate(List.of(sample(0.5, 0), sample(1, 0), sample(2, 700_000)), 4 * GIB, 8 * GIB);
        assertThat(four.getFixedMicros()).isCloseTo(100_000, within(1000L));
        assertThat(four.getFreezeMicros()).as("the time in which the spool was full is not of the pipes").isCloseTo(2_100_000, within(10_000L));
    }

    @Test
    void whatTheSpoolHasNoRoomForGoesAtTheSpeedBehindIt() {
        List<DumpSample> samples = List.of(sample(0.5, 0), sample(2, 0));
        long fits = estimate(samples, 2 * GIB, 4 * GIB).getFreezeMicros();
        long halfFits = estimate(samples, 2 * GIB, GIB).getFreezeMicros();
        // One GiB at 2 s instead of half a second.
        assertThat(halfFits - fits).isCloseTo(1_500_000, within(10_000L));
    }

    @Test
    void dumpsOfOneSizeTellTheSpeedButNotTheFixedPart() {
        DumpEstimate same = estimate(List.of(sample(1, 0), sample(1, 0)), GIB, 4 * GIB);
        assertThat(same.getFreezeMicros()).as("that size again takes that time again").isCloseTo(600_000, within(1000L));
        assertThat(same.getFixedMicros()).isPositive();
    }

    @Test
    void saysThatItOnlyAssumesBeforeTheFirstDump() {
        DumpEstimate first = estimate(List.of(), GIB, 4 * GIB);
        assertThat(first.getSamples()).isZero();
        assertThat(first.getFreezeMicros()).isPositive();
    }

    @Test
    void keepsWhatItMeasuredOverARestartAndForgetsTheOldest() throws Exception {
        Path file = folder.resolve("dump-speeds");
        DumpSpeeds speeds = DumpSpeeds.open(file);
        for (int i = 0; i < 40; i++) {
            speeds.add(GIB, 1_000_000_000, 0, 2_000_000_000);
        }
        DumpEstimate again = DumpSpeeds.open(file).estimate(new JobMemory(GIB, 1), new BufferPool(2, 4096));
        assertThat(again.getSamples()).isEqualTo(16);
        Files.write(file, new byte[] {1, 2, 3});
        assertThat(DumpSpeeds.open(file).estimate(new JobMemory(GIB, 1), new BufferPool(2, 4096)).getSamples()).isZero();
    }

    @Test
    void countsWhatCriuTakes() {
        assertThat(JobMemory.kibibytes(List.of("Rss:  9000 kB", "Pss_Shmem:   300 kB", "Anonymous:   1024 kB", "AnonHugePages: 2048 kB", "Swap:  7 kB", "SwapPss: 7 kB"))).isEqualTo(1331);
    }
}
