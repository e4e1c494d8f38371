package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.cli.chaos.ChaosRun;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Mount;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * A file outside the cluster into which a job ({@code witness.py}) writes each of its steps with its time. All nodes of a
 * test are on one machine, so its lines are in the order in which they were written, whichever life wrote them.
 */
final class Witness {
    private static final String PLACE = "/witness";

    private final Path folder;

    /** One step: its number and when it was done, in nanoseconds since 1970. */
    record Step(long number, long nanos) {}

    Witness(Path folder) throws IOException {
        this.folder = Files.createDirectories(folder);
        try (InputStream program = ChaosRun.class.getResourceAsStream("witness.py")) {
            Files.copy(program, Files.createDirectories(folder.resolve("program")).resolve("witness.py"));
        }
    }

    /** A job that is witnessed. */
    JobSpec.Builder job() {
        return job(0);
    }

    /** One with so much memory of its own beside, which makes its dump last. */
    JobSpec.Builder job(int mebibytes) {
        return JobSpec.newBuilder()
                .addAllCommand(List.of("/usr/bin/python3", "/jobs/witness.py", PLACE + "/steps", Integer.toString(mebibytes)))
                .setMemoryBytes((256L + mebibytes) << 20)
                .addMounts(Mount.newBuilder().setSource(folder.resolve("program").toString()).setDestination("/jobs").setReadOnly(true))
                .addMounts(Mount.newBuilder().setSource(folder.toString()).setDestination(PLACE));
    }

    /** The clock of the steps, now. */
    static long clock() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000_000L + now.getNano();
    }

    List<Step> steps() throws IOException {
        String text = Files.readString(folder.resolve("steps"));
        return text.substring(0, text.lastIndexOf('\n') + 1).lines().map(line -> line.split(" ", -1)).map(words -> new Step(Long.parseLong(words[0]), Long.parseLong(words[1]))).toList();
    }

    Step last() throws IOException {
        return steps().getLast();
    }

    /** Whether no step was done for so long. */
    boolean isStill(Duration time) throws IOException {
        return clock() - last().nanos() > time.toNanos();
    }

    /** Every step once, one after the other, and time never goes back: one life, or lives of which each went on exactly where the last stood. */
    void assertNoGapAndNoRepeat() throws IOException {
        assertThat(backSteps()).isEmpty();
    }

    /**
     * Places at which the job went on from an earlier step, as from an image that was not the last thing it did. Fails where steps of two
     * lives are mixed, and where one is missing.
     */
    List<Integer> backSteps() throws IOException {
        List<Step> steps = steps();
        List<Integer> back = new ArrayList<>();
        for (int i = 1; i < steps.size(); i++) {
            Step before = steps.get(i - 1);
            Step now = steps.get(i);
            assertThat(now.nanos()).as("line %s", i).isGreaterThan(before.nanos());
            if (now.number() <= before.number()) {
                back.add(i);
            } else {
                assertThat(now.number()).as("line %s: %s after %s", i, now, before).isEqualTo(before.number() + 1);
            }
        }
        return back;
    }
}
