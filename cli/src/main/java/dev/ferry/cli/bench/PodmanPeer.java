package dev.ferry.cli.bench;

import dev.ferry.common.FerryException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Podman, where it is installed and can do it.
 *
 * @param condition its version, or why it is not measured
 */
record PodmanPeer(Optional<PodmanJob> job, String condition) implements AutoCloseable {
    /** As {@link PodmanJob#start}, but that a machine without a podman that works is no error. */
    static PodmanPeer of(Path program, Load load, Path folder) throws IOException, InterruptedException {
        Optional<String> missing = PodmanJob.missing();
        if (missing.isPresent()) {
            return new PodmanPeer(Optional.empty(), "not measured: " + missing.get() + " is not installed");
        }
        try {
            return new PodmanPeer(Optional.of(PodmanJob.start(program, load, folder)), PodmanJob.version());
        } catch (FerryException unable) {
            return new PodmanPeer(Optional.empty(), "not measured: " + unable.getMessage());
        }
    }

    /** Seconds of one move; empty: it is not there. */
    Optional<Double> move() throws IOException, InterruptedException {
        return job.isEmpty() ? Optional.empty() : Optional.of(job.get().move());
    }

    /** What there is of it stands still until that is closed. */
    StandStill standStill() throws IOException, InterruptedException {
        return job.isEmpty() ? StandStill.of(List.of()) : job.get().standStill();
    }

    @Override
    public void close() throws IOException, InterruptedException {
        if (job.isPresent()) {
            job.get().close();
        }
    }
}
