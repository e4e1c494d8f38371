package dev.ferry.cli.verbs;

import dev.ferry.proto.v1.Retention;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which images of a job are kept; what is not said is the coordinator's default. */
final class KeepOptions {
    @Option(names = "--keep-last", paramLabel = "N", description = "Keep the job's N newest images; older ones go unless another --keep option keeps them.")
    private @Nullable Integer last;

    @Option(names = "--keep-hourly", paramLabel = "N", description = "Keep the newest image of each of the N newest hours that have any.")
    private @Nullable Integer hourly;

    @Option(names = "--keep-daily", paramLabel = "N", description = "Keep the newest image of each of the N newest days that have any.")
    private @Nullable Integer daily;

    @Option(names = "--keep-after-success", paramLabel = "N", description = "Once the job has exited with 0, keep only its N newest images; 0: none.")
    private @Nullable Integer afterSuccess;

    /** Empty: nothing was said. */
    Optional<Retention> retention() {
        Retention.Builder retention = Retention.newBuilder();
        if (last != null) {
            retention.setLast(last);
        }
        if (hourly != null) {
            retention.setHourly(hourly);
        }
        if (daily != null) {
            retention.setDaily(daily);
        }
        if (afterSuccess != null) {
            retention.setAfterSuccess(afterSuccess);
        }
        return retention.build().equals(Retention.getDefaultInstance()) ? Optional.empty() : Optional.of(retention.build());
    }
}
