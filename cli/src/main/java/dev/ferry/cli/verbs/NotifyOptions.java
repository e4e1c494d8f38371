package dev.ferry.cli.verbs;

import dev.ferry.common.Durations;
import dev.ferry.proto.v1.JobSpec;
import picocli.CommandLine.Option;

/** How a job is told that it is about to be frozen, and that it goes on. */
final class NotifyOptions {
    @Option(names = "--notify-signal", paramLabel = "SIGNAL", description = "Signal for the job's first process before it is frozen and when it goes on; docs/sandbox.md.", defaultValue = "")
    private String signal = "";

    @Option(names = "--notify-file", paramLabel = "PATH", description = "File in the job's /scratch or /tmp that then says 'freeze', and 'thawed' or 'restored'.", defaultValue = "")
    private String file = "";

    @Option(names = "--notify-grace", paramLabel = "TIME", description = "How long it may take until it has written 'ready' into the file; default 10s.", defaultValue = "")
    private String grace = "";

    void addTo(JobSpec.Builder spec) {
        spec.setNotifySignal(signal.isEmpty() ? 0 : Signals.number(signal)).setNotifyFile(file).setNotifyGraceMillis(grace.isEmpty() ? 0 : Math.max(1, Durations.parse(grace).toMillis()));
    }
}
