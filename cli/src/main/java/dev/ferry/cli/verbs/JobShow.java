package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.Durations;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.JobUse;
import dev.ferry.proto.v1.Mount;
import dev.ferry.proto.v1.OnPartition;
import dev.ferry.proto.v1.Retention;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code ferry show}. */
@Command(name = "show", description = "Shows one job.", footer = {"", "Example:", "  ferry show train"})
public final class JobShow implements Callable<Integer> {
    @Mixin private final ServerOption server = new ServerOption();

    @Parameters(paramLabel = "JOB", description = "Name, id or begin of an id.")
    private String job = "";

    @Override
    public Integer call() {
        try (Client client = server.connect()) {
            Job answer = client.ask(stub -> stub.getJob(GetJobRequest.newBuilder().setJob(job).build()));
            server.print(answer, () -> text(answer));
            return 0;
        }
    }

    private static String text(Job job) {
        StringBuilder text = new StringBuilder();
        line(text, "job", job.getId() + "  " + job.getSpec().getName());
        line(text, "state", Texts.state(job.getState()) + (job.hasExitStatus() ? ", exit status " + job.getExitStatus() : ""));
        line(text, "node", job.getNode());
        line(text, "life", Long.toString(job.getIncarnation()));
        line(text, "user", JobVerbs.user(job));
        line(text, "account", job.getQueue().getAccount());
        line(text, "qos", job.getQueue().getQos());
        line(text, "partition", job.getQueue().getPartition());
        line(text, "command", Texts.command(job.getSpec().getCommandList()));
        line(text, "works in", job.getSpec().getWorkdir().isEmpty() ? "/scratch (in its images)" : job.getSpec().getWorkdir() + " (outside, NOT in its images)");
        for (Mount mount : job.getSpec().getMountsList()) {
            line(text, "mount", mount.getSource() + " at " + mount.getDestination() + (mount.getReadOnly() ? ", read-only" : "") + " (outside, NOT in its images)");
        }
        line(text, "limits", Texts.cpus(job.getSpec().getCpuMillis() == 0 ? 1000 : job.getSpec().getCpuMillis()) + " CPUs, " + Texts.bytes(job.getSpec().getMemoryBytes() == 0 ? 1L << 30 : job.getSpec().getMemoryBytes()) + ", " + job.getSpec().getGpus() + " GPUs");
        line(text, "time limit", job.getSpec().getTimeLimitSeconds() == 0 ? "none" : Durations.format(Duration.ofSeconds(job.getSpec().getTimeLimitSeconds())));
        line(text, "checkpoints", job.getSpec().getCheckpointEvery().isEmpty() ? "as the coordinator's configuration says ('ferry job policy " + job.getId() + "')" : job.getSpec().getCheckpointEvery());
        line(text, "keeps", retention(job.getSpec().getRetention()));
        line(text, job.getState() == JobState.RUNNING ? "gpus" : "last gpus", String.join(", ", job.getGpusList()));
        line(text, "gpu use", gpuUse(job.getUse()));
        line(text, "cut off", job.getSpec().getOnPartition() == OnPartition.CONTINUE_ON_PARTITION ? "it runs on, and is restored elsewhere only with other proof than the lease's end" : "");
        line(text, "submitted", Texts.at(job.getSubmittedAt()));
        line(text, "started", Texts.at(job.getStartedAt()));
        line(text, "ended", Texts.at(job.getEndedAt()));
        line(text, "image", job.getLatestImage());
        line(text, "operation", job.getOperation());
        line(text, "note", job.getReason());
        line(text, "proof", Texts.proof(job.getProof()));
        if (job.hasError()) {
            line(text, "last error", job.getError().getCode() + ": " + job.getError().getMessage());
            job.getError().getEvidenceList().forEach(evidence -> line(text, "", evidence));
        }
        return text.toString();
    }

    /** What was said at its submission. */
    private static String retention(Retention retention) {
        List<String> rules = new ArrayList<>();
        if (retention.hasLast()) {
            rules.add("the " + retention.getLast() + " newest images");
        }
        if (retention.hasHourly()) {
            rules.add("one of each of " + retention.getHourly() + " hours");
        }
        if (retention.hasDaily()) {
            rules.add("one of each of " + retention.getDaily() + " days");
        }
        if (retention.hasAfterSuccess()) {
            rules.add("after success " + retention.getAfterSuccess());
        }
        return String.join(", ", rules);
    }

    private static String gpuUse(JobUse use) {
        if (use.getGpuSeconds() == 0 && use.getGpuMemoryPeakBytes() == 0) {
            return "";
        }
        String busy = use.getGpuSampledMillis() == 0 ? "" : String.format(Locale.ROOT, ", busy for %.0f %% of it", 100.0 * use.getGpuBusyMillis() / use.getGpuSampledMillis());
        String peak = use.getGpuMemoryPeakBytes() == 0 ? "" : ", at most " + Texts.bytes(use.getGpuMemoryPeakBytes()) + " of GPU memory";
        return Durations.format(Duration.ofSeconds(use.getGpuSeconds())) + " of GPU time" + busy + peak;
    }

    private static void line(StringBuilder text, String key, String value) {
        text.append(Texts.line(11, key, value));
    }
}
