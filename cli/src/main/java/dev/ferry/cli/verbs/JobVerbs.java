package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.Table;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.Durations;
import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.JobUse;
import dev.ferry.proto.v1.ListJobsRequest;
import dev.ferry.proto.v1.ListJobsResponse;
import dev.ferry.proto.v1.Mount;
import dev.ferry.proto.v1.OnPartition;
import dev.ferry.proto.v1.SignalJobRequest;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Verbs that look at jobs, and those that end them. */
public final class JobVerbs {
    private JobVerbs() {}

    /** {@code ferry ps}. */
    @Command(name = "ps", description = "Lists jobs.", footer = {"", "Example:", "  ferry ps --all"})
    public static final class Ps implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Option(names = {"-a", "--all"}, description = "Also jobs that have ended.")
        private boolean all;

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                ListJobsResponse answer = client.ask(stub -> stub.listJobs(ListJobsRequest.newBuilder().setAll(all).build()));
                server.print(answer, () -> table(answer));
                return 0;
            }
        }

        private static String table(ListJobsResponse jobs) {
            Table table = new Table("JOB", "NAME", "STATE", "NODE", "LIFE", "AGE", "IMAGE", "NOTE");
            for (Job job : jobs.getJobsList()) {
                table.row(
                        job.getId(), job.getSpec().getName(), Texts.state(job.getState()), job.getNode(), Long.toString(job.getIncarnation()),
                        Texts.ago(job.getSubmittedAt()), job.getLatestImage(), note(job));
            }
            return table.toString();
        }
    }

    /** Why a job is as it is, in few words. */
    static String note(Job job) {
        if (!job.getOperation().isEmpty() && job.getState() != JobState.PENDING) {
            return job.getOperation();
        }
        if (job.getState() == JobState.EXITED) {
            return "status " + job.getExitStatus() + (job.getReason().isEmpty() ? "" : ", " + job.getReason());
        }
        if (job.hasError() && (job.getState() == JobState.FAILED || job.getState() == JobState.SUSPENDED)) {
            return job.getError().getCode() + ": " + job.getError().getMessage();
        }
        return job.getReason();
    }

    /** {@code ferry show}. */
    @Command(name = "show", description = "Shows one job.", footer = {"", "Example:", "  ferry show train"})
    public static final class Show implements Callable<Integer> {
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
            line(text, "command", String.join(" ", job.getSpec().getCommandList()));
            line(text, "works in", job.getSpec().getWorkdir().isEmpty() ? "/scratch (in its images)" : job.getSpec().getWorkdir() + " (outside, NOT in its images)");
            for (Mount mount : job.getSpec().getMountsList()) {
                line(text, "mount", mount.getSource() + " at " + mount.getDestination() + (mount.getReadOnly() ? ", read-only" : "") + " (outside, NOT in its images)");
            }
            line(text, "limits", Texts.cpus(job.getSpec().getCpuMillis() == 0 ? 1000 : job.getSpec().getCpuMillis()) + " CPUs, " + Texts.bytes(job.getSpec().getMemoryBytes() == 0 ? 1L << 30 : job.getSpec().getMemoryBytes()) + ", " + job.getSpec().getGpus() + " GPUs");
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

        private static String gpuUse(JobUse use) {
            if (use.getGpuSeconds() == 0 && use.getGpuMemoryPeakBytes() == 0) {
                return "";
            }
            String busy = use.getGpuSampledMillis() == 0 ? "" : String.format(Locale.ROOT, ", busy for %.0f %% of it", 100.0 * use.getGpuBusyMillis() / use.getGpuSampledMillis());
            String peak = use.getGpuMemoryPeakBytes() == 0 ? "" : ", at most " + Texts.bytes(use.getGpuMemoryPeakBytes()) + " of GPU memory";
            return Durations.format(Duration.ofSeconds(use.getGpuSeconds())) + " of GPU time" + busy + peak;
        }

        private static void line(StringBuilder text, String key, String value) {
            if (!value.isEmpty()) {
                text.append(String.format(Locale.ROOT, "%-11s %s%n", key, value));
            }
        }
    }

    /** {@code ferry logs}. */
    @Command(name = "logs", description = "Prints a job's output, wherever the job is or was.", footer = {"", "Example:", "  ferry logs -f train"})
    public static final class Logs implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Option(names = {"-f", "--follow"}, description = "Go on until the job has ended, also when it moves.")
        private boolean follow;

        @Option(names = "--offset", paramLabel = "BYTES", description = "Begin behind so many bytes.", defaultValue = "0")
        private long offset;

        @Parameters(paramLabel = "JOB", description = "Name, id or begin of an id.")
        private String job = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                JobLog.copy(client, job, offset, follow);
                return 0;
            }
        }
    }

    /** {@code ferry signal}. */
    @Command(name = "signal", description = "Sends a signal to a running job.", footer = {"", "Example:", "  ferry signal train USR1"})
    public static final class Signal implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(index = "0", paramLabel = "JOB", description = "Name, id or begin of an id.")
        private String job = "";

        @Parameters(index = "1", paramLabel = "SIGNAL", description = "Name (TERM, USR1 ...) or number.")
        private String signal = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                int number = Signals.number(signal);
                Job answer = client.ask(stub -> stub.signalJob(SignalJobRequest.newBuilder().setJob(job).setSignal(number).build()));
                server.print(answer, () -> "signal " + signal + " sent to " + answer.getId() + "\n");
                return 0;
            }
        }
    }

    /** {@code ferry cancel}. */
    @Command(name = "cancel", description = "Ends a job for good; its log and its images stay.", footer = {"", "Example:", "  ferry cancel train"})
    public static final class Cancel implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "JOB", description = "Name, id or begin of an id.")
        private String job = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                return Operations.follow(server, client, Operations.begin(client, job, stub -> stub.cancelJob(CancelJobRequest.newBuilder().setJob(job).build())));
            }
        }
    }

    /** {@code ferry wait}. */
    @Command(name = "wait", description = "Waits until a job has ended; the exit status is the job's.", footer = {"", "Example:", "  ferry wait train; echo $?"})
    public static final class Wait implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "JOB", description = "Name, id or begin of an id.")
        private String job = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                int status = JobEnd.await(client, job);
                if (server.json()) {
                    Job ended = client.ask(stub -> stub.getJob(GetJobRequest.newBuilder().setJob(job).build()));
                    server.print(ended, () -> "");
                }
                return status;
            }
        }
    }
}
