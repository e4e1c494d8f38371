package dev.ferry.node.criu;

import dev.ferry.node.sandbox.ToolProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A criu that was started and waits at its gate, with the conversation that it has with us from the begin. */
final class GatedCriu implements AutoCloseable {
    private final Path runFolder;
    private final StreamerSession session;
    private final CriuGate gate;
    private final ToolProcess process;

    private GatedCriu(Path runFolder, StreamerSession session, CriuGate gate, ToolProcess process) {
        this.runFolder = runFolder;
        this.session = session;
        this.gate = gate;
        this.process = process;
    }

    /**
     * @param session not started; it is closed with this, and if this fails
     * @param output file in the run's folder
     * @param environment beside what {@link CriuAftermath} needs
     */
    static GatedCriu start(Path runFolder, StreamerSession session, List<String> command, String output, Map<String, String> environment) throws IOException {
        CriuGate gate = null;
        try {
            gate = CriuGate.in(runFolder);
            session.start();
            Map<String, String> all = new HashMap<>(environment);
            all.putAll(CriuAftermath.mark(runFolder));
            return new GatedCriu(runFolder, session, gate, ToolProcess.start(command, runFolder, runFolder.resolve(output), all));
        } catch (IOException | RuntimeException | Error failed) {
            if (gate != null) {
                gate.close();
            }
            session.close();
            throw failed;
        }
    }

    ToolProcess process() {
        return process;
    }

    /**
     * Waits until criu can begin at once.
     *
     * @return false: it has ended, or the time is over
     */
    boolean awaitReady(Duration atMost) throws IOException {
        return gate.awaitReady(process, atMost);
    }

    /** Lets it begin. */
    void open() throws IOException {
        gate.open();
    }

    /** Ends a criu that was not let through the gate. */
    @Override
    public void close() throws IOException {
        try {
            gate.close();
        } finally {
            end();
        }
    }

    private void end() throws IOException {
        try {
            if (process.isAlive()) {
                process.kill();
                CriuAftermath.killLeftovers(runFolder);
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        } finally {
            session.close();
        }
    }
}
