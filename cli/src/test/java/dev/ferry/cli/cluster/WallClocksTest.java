package dev.ferry.cli.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A process of Java whose wall clock is another one's: it sees at once what its clock is set to, and only that clock jumps. */
class WallClocksTest {
    private static final Duration CLOSE = Duration.ofMinutes(1);

    /** Says what time it is, each time it is asked. */
    static final class Teller {
        private Teller() {}

        public static void main(String[] words) throws IOException {
            while (System.in.read() >= 0) {
                System.out.println(System.currentTimeMillis() + " " + Instant.now().toEpochMilli() + " " + System.nanoTime() + " " + System.getenv().containsKey("LD_PRELOAD"));
            }
        }
    }

    private static List<String> ask(Process teller) throws IOException {
        Writer to = teller.outputWriter();
        to.write('?');
        to.flush();
        BufferedReader from = teller.inputReader();
        return List.of(from.readLine().split(" "));
    }

    private static void assertAhead(List<String> told, Duration ahead) {
        for (String clock : told.subList(0, 2)) {
            assertThat(Duration.ofMillis(Long.parseLong(clock) - System.currentTimeMillis()).minus(ahead).abs()).isLessThan(CLOSE);
        }
    }

    @Test
    void onlyTheWallClockOfOneProcessJumps(@TempDir Path folder) throws Exception {
        WallClocks clocks = new WallClocks(folder.resolve("clocks"));
        List<String> command = new ArrayList<>(clocks.before("part"));
        command.addAll(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp", System.getProperty("java.class.path"), Teller.class.getName()));
        Process teller = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        try {
            List<String> first = ask(teller);
            assertAhead(first, Duration.ZERO);
            assertThat(first.get(3)).as("what it starts has the machine's clock").isEqualTo("false");
            for (Duration ahead : List.of(Duration.ofHours(3), Duration.ofMillis(-7_200_001), Duration.ZERO)) {
                clocks.set("part", ahead);
                List<String> told = ask(teller);
                assertAhead(told, ahead);
                assertThat(Duration.ofNanos(Long.parseLong(told.get(2)) - Long.parseLong(first.get(2)))).isBetween(Duration.ZERO, CLOSE);
            }
        } finally {
            teller.destroyForcibly();
        }
    }
}
