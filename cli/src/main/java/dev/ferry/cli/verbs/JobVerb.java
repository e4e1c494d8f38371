package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobPolicy;
import dev.ferry.proto.v1.SetJobPolicyRequest;
import dev.ferry.proto.v1.SetTimeLimitRequest;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code ferry job}. */
@Command(name = "job", description = "Shows or changes what holds for one job, or deletes one that has ended.", subcommands = {JobVerb.Policy.class, JobVerb.TimeLimit.class, RemovalVerbs.DeleteJob.class}, footer = {"", "Examples:", "  ferry job policy train --checkpoint-every auto", "  ferry job time-limit train 12h"})
public final class JobVerb implements Runnable {
    @Spec private CommandSpec spec;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what: ferry job policy JOB, ferry job time-limit JOB TIME or ferry job delete JOB");
    }

    /** {@code ferry job time-limit}. */
    @Command(
            name = "time-limit",
            description = "Changes how long a job may run in all its lives. One that has run so long is suspended, loses nothing, and goes on when it has more and is resumed.",
            footer = {"", "Example:", "  ferry job time-limit train 12h"})
    public static final class TimeLimit implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(index = "0", paramLabel = "JOB", description = "Name, id or begin of an id.")
        private String job = "";

        @Parameters(index = "1", paramLabel = "TIME|none", description = "Running time, for example 12h.")
        private String time = "";

        @Override
        public Integer call() {
            long seconds = Times.limitSeconds("A time limit of", time);
            try (Client client = server.connect()) {
                Job changed = client.ask(stub -> stub.setTimeLimit(SetTimeLimitRequest.newBuilder().setJob(job).setSeconds(seconds).build()));
                server.print(changed, () -> changed.getId() + (seconds == 0 ? " may run for as long as it takes\n" : " may run for " + Durations.format(Duration.ofSeconds(seconds)) + " in all\n"));
                return 0;
            }
        }
    }

    /** {@code ferry job policy}. */
    @Command(
            name = "policy",
            description = "Shows how often an image of a job is made while it runs, and why; with an option, changes it.",
            footer = {"", "Examples:", "  ferry job policy train", "  ferry job policy train --checkpoint-every 10m --most-frozen 0.01"})
    public static final class Policy implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "JOB", description = "Name, id or begin of an id.")
        private String job = "";

        @Option(names = "--checkpoint-every", paramLabel = "TIME|auto|exposed|never", description = "How often; auto: by what an image costs and how often machines like the job's are taken away; exposed: auto where that is often, else never.", defaultValue = "")
        private String every = "";

        @Option(names = "--most-frozen", paramLabel = "SHARE", description = "Which share of its time the job may stand still for images, for example 0.01.")
        private @Nullable Double mostFrozen;

        @Override
        public Integer call() {
            // For the coordinator 0 is "as it is".
            double share = mostFrozen == null ? 0 : mostFrozen;
            if (mostFrozen != null && !(share > 0 && share <= 1)) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--most-frozen " + share + ": write a share above 0 and at most 1; for no images: --checkpoint-every never");
            }
            try (Client client = server.connect()) {
                boolean changes = !every.isEmpty() || share > 0;
                JobPolicy policy =
                        changes
                                ? client.ask(stub -> stub.setJobPolicy(SetJobPolicyRequest.newBuilder().setJob(job).setCheckpoint(every).setMostFrozen(share).build()))
                                : client.ask(stub -> stub.getJobPolicy(GetJobRequest.newBuilder().setJob(job).build()));
                server.print(policy, () -> text(policy));
                return 0;
            }
        }

        private static String text(JobPolicy policy) {
            StringBuilder text = new StringBuilder(policy.getJob()).append(": ").append(policy.getCheckpoint());
            if (policy.getIntervalMillis() > 0) {
                text.append(", every ").append(Durations.format(Duration.ofMillis(policy.getIntervalMillis()))).append(", the next ").append(Texts.left(policy.getNextAt()));
            }
            text.append(": ").append(policy.getWhy()).append('\n');
            if (policy.getMeanTimeMillis() > 0) {
                text.append("an image freezes it for ").append(Texts.micros(policy.getCostMicros())).append("; a machine").append(policy.getPool().isEmpty() ? "" : " of pool " + policy.getPool());
                text.append(" is taken away at the cost of work every ").append(Durations.format(Duration.ofMillis(policy.getMeanTimeMillis()))).append("; frozen for at most ").append(policy.getMostFrozen() * 100).append(" % of its time\n");
            }
            return text.toString();
        }
    }
}
