package dev.ferry.cli.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What lines of a witness prove. */
class WitnessFileTest {
    private static final int PAGE = 4096;

    @TempDir Path folder;
    private Path file;
    private WitnessFile witness;
    private long nanos = 1_000;

    @BeforeEach
    void open() {
        file = folder.resolve("witness");
        witness = new WitnessFile(file);
    }

    private void write(String text) throws IOException {
        Files.writeString(file, text, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        witness.read();
    }

    private void steps(long from, long to) throws IOException {
        for (long step = from; step <= to; step++) {
            write(step + " " + nanos++ + "\n");
        }
    }

    @Test
    void noFileIsNoStep() throws IOException {
        witness.read();
        assertThat(witness.last()).isEqualTo(-1);
    }

    @Test
    void oneLifeProvesNothingWrong() throws IOException {
        steps(0, 20);
        assertThat(witness.last()).isEqualTo(20);
        assertThat(witness.backs()).isEmpty();
        assertThat(witness.damage()).isEmpty();
    }

    /** A process that is killed in its write stops between two pages of the file: a line in both would be half there. */
    @Test
    void noLineOfTheProgramLiesInTwoPages() throws IOException, InterruptedException {
        Path program = folder.resolve("witness.py");
        try (InputStream text = ChaosRun.class.getResourceAsStream("witness.py")) {
            Files.copy(Objects.requireNonNull(text), program);
        }
        Process process = new ProcessBuilder("python3", program.toString(), file.toString()).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
        try {
            await().atMost(Duration.ofSeconds(30)).until(() -> {
                witness.read();
                return witness.last() > 20;
            });
        } finally {
            process.destroyForcibly().waitFor();
        }
        List<String> lines = Files.readAllLines(file);
        assertThat(lines).allSatisfy(line -> assertThat(PAGE % (line.length() + 1)).isZero()).extracting(String::length).containsOnly(lines.getFirst().length());
        assertThat(witness.damage()).isEmpty();
    }

    /** The job was saved after it had looked at the clock for a step and before it wrote it. */
    @Test
    void aLineThatAnImageHeldIsWrittenByTwoLives() throws IOException {
        steps(0, 9);
        String held = "10 " + nanos++ + "\n";
        write(held);
        steps(11, 19);
        write(held);
        steps(11, 25);
        assertThat(witness.damage()).isEmpty();
        assertThat(witness.backs()).extracting(WitnessFile.Back::from, WitnessFile.Back::to).containsExactly(tuple(19L, 10L));
    }

    /** Only that line: of the lines after it none may be older than what the first life has written. */
    @Test
    void whatFollowsALineThatAnImageHeldMayNotBeOlder() throws IOException {
        steps(0, 9);
        String held = "10 " + nanos++ + "\n";
        long meanwhile = nanos++;
        write(held);
        steps(11, 19);
        write(held);
        write("11 " + meanwhile + "\n");
        assertThat(witness.damage()).hasSize(1);
    }

    @Test
    void halfALineWaitsForItsRest() throws IOException {
        steps(0, 3);
        write("4 5");
        assertThat(witness.last()).isEqualTo(3);
        write("000\n");
        assertThat(witness.last()).isEqualTo(4);
        assertThat(witness.damage()).isEmpty();
    }

    @Test
    void aLifeFromAnImageGoesBackOnce() throws IOException {
        steps(0, 20);
        steps(11, 15);
        assertThat(witness.backs()).containsExactly(new WitnessFile.Back(20, 11, 9));
        assertThat(witness.damage()).isEmpty();
    }

    @Test
    void aMissingStepIsSeen() throws IOException {
        steps(0, 5);
        steps(8, 9);
        assertThat(witness.damage()).singleElement().asString().contains("after step 5 came step 8: 2 are missing");
    }

    @Test
    void twoLivesAtATimeAreSeen() throws IOException {
        steps(0, 5);
        // The second life begins at 3 while the first goes on.
        write("3 2000\n6 2001\n4 2002\n7 2003\n");
        assertThat(witness.backs()).hasSize(2);
        assertThat(witness.damage()).hasSize(2);
    }

    @Test
    void aStepThatWasWrittenLateIsSeen() throws IOException {
        steps(0, 5);
        write("6 10\n");
        assertThat(witness.damage()).singleElement().asString().contains("two lives");
    }

    @Test
    void whatAnImageHeldIsNeverDoneAgain() throws IOException {
        WitnessedJob job = new WitnessedJob("witness", folder, folder, 1);
        steps(0, 20);
        job.saved(15);
        steps(10, 12);
        assertThat(job.violations(1)).singleElement().asString().contains("a committed image was lost");
        steps(13, 20);
        steps(16, 18);
        assertThat(job.violations(1)).isEmpty();
        steps(17, 18);
        assertThat(job.violations(0)).singleElement().asString().contains("two lives at a time");
    }
}
