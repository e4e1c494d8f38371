package dev.ferry.cli.demo;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The same training without Ferry: a plain process that nobody interrupts. */
final class Reference implements AutoCloseable {
    private final Process process;
    private final Path weights;
    private final Path log;

    private Reference(Process process, Path weights, Path log) {
        this.process = process;
        this.weights = weights;
        this.log = log;
    }

    static Reference start(Path weights, int steps) throws IOException {
        Path log = weights.resolveSibling("alone.log");
        Process process =
                new ProcessBuilder(command(program().toString(), weights.toString(), steps))
                        .redirectErrorStream(true)
                        .redirectInput(Path.of("/dev/null").toFile())
                        .redirectOutput(log.toFile())
                        .start();
        return new Reference(process, weights, log);
    }

    /** The training's command line, for a folder in which its program is seen. */
    static List<String> command(String program, String weights, int steps) {
        return List.of("/usr/bin/python3", program + "/train.py", program + "/text.txt", Integer.toString(steps), weights);
    }

    /** The folder of the program. */
    static Path program() {
        Path folder = Path.of(System.getProperty("ferry.root", "."), "demo").toAbsolutePath().normalize();
        if (!Files.exists(folder.resolve("train.py"))) {
            throw new FerryException(ErrorCode.TOOL_MISSING, "The demo's program is not in " + folder + "; start it by the launcher of a checkout: ./ferry demo");
        }
        return folder;
    }

    /** Waits for the end and gives the SHA-256 of the weights. */
    String await(Duration atMost) throws IOException, InterruptedException {
        if (!process.waitFor(atMost.toMillis(), TimeUnit.MILLISECONDS)) {
            throw new FerryException(ErrorCode.DEADLINE_EXCEEDED, "The training without interruption did not end within " + atMost.toSeconds() + " s");
        }
        if (process.exitValue() != 0) {
            throw new FerryException(ErrorCode.INTERNAL, "The training without interruption failed", Files.readAllLines(log), null);
        }
        return Weights.sha256(weights);
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
