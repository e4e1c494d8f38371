package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.Table;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.JobStates;
import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListJobsRequest;
import dev.ferry.proto.v1.ListJobsResponse;
import dev.ferry.proto.v1.SignalJobRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Verbs that look at jobs, and those that end them. */
public final class JobVerbs {
    private JobVerbs() {}

    /** {@code ferry ps}. */
    @Command(name = "ps", description = "Lists jobs.", footer = {"", "Examples:", "  ferry ps --all", "  ferry ps --user ada --state suspended"})
    public static final class Ps implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Option(names = {"-a", "--all"}, description = "Also jobs that have ended.")
        private boolean all;

        @Option(names = "--node", paramLabel = "NODE", description = "Only jobs that are or were last on this node.", defaultValue = "")
        private String node = "";

        @Option(names = "--state", paramLabel = "STATE", description = "Only jobs in this state: pending, starting, running, parked, suspended, restoring, unreachable, lost, exited, cancelled or failed.", defaultValue = "")
        private String state = "";

        @Option(names = "--user", paramLabel = "NAME", description = "Only jobs of this user.", defaultValue = "")
        private String user = "";

        @Option(names = "--account", paramLabel = "ACCOUNT", description = "Only jobs that are billed to this account.", defaultValue = "")
        private String account = "";

        @Override
        public Integer call() {
            Optional<JobState> only = state.isEmpty() ? Optional.empty() : Optional.of(Texts.jobState(state));
            boolean ended = only.filter(JobStates::isEnded).isPresent();
            try (Client client = server.connect()) {
                ListJobsResponse jobs = client.ask(stub -> stub.listJobs(ListJobsRequest.newBuilder().setAll(all || ended).build()));
                ListJobsResponse answer = ListJobsResponse.newBuilder().addAllJobs(jobs.getJobsList().stream().filter(this::isAsked).filter(job -> only.isEmpty() || only.get() == job.getState()).toList()).build();
                server.print(answer, () -> table(answer));
                return 0;
            }
        }

        private boolean isAsked(Job job) {
            return (node.isEmpty() || node.equals(job.getNode())) && (user.isEmpty() || user.equals(user(job))) && (account.isEmpty() || account.equals(job.getQueue().getAccount()));
        }

        private static String table(ListJobsResponse jobs) {
            Table table = new Table("JOB", "NAME", "USER", "STATE", "NODE", "LIFE", "AGE", "IMAGE", "NOTE");
            for (Job job : jobs.getJobsList()) {
                table.row(
                        job.getId(), job.getSpec().getName(), user(job), Texts.state(job.getState()), job.getNode(), Long.toString(job.getIncarnation()),
                        Texts.ago(job.getSubmittedAt()), job.getLatestImage(), note(job));
            }
            return table.toString();
        }
    }

    /** Whose a job is. */
    static String user(Job job) {
        return !job.getQueue().getUser().isEmpty() ? job.getQueue().getUser() : job.getSpec().getUserName();
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

    /** {@code ferry logs}. */
    @Command(name = "logs", description = "Prints a job's output, wherever the job is or was.", footer = {"", "Example:", "  ferry logs -f --tail 20 train"})
    public static final class Logs implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Option(names = {"-f", "--follow"}, description = "Go on until the job has ended, also when it moves.")
        private boolean follow;

        @Option(names = "--tail", paramLabel = "N", description = "Begin with the last N lines of now; the coordinator is asked for all of it nevertheless.")
        private @Nullable Integer tail;

        @Option(names = "--offset", paramLabel = "BYTES", description = "Begin behind so many bytes.", defaultValue = "0")
        private long offset;

        @Parameters(paramLabel = "JOB", description = "Name, id or begin of an id.")
        private String job = "";

        @Override
        public Integer call() {
            if (tail != null && (offset != 0 || tail < 0)) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--tail takes 0 or more lines, and goes without --offset");
            }
            try (Client client = server.connect()) {
                if (tail == null) {
                    JobLog.copy(client, job, offset, follow);
                } else {
                    JobLog.copyTail(client, job, tail, follow);
                }
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
    @Command(name = "cancel", description = {"Ends jobs for good; their logs and images stay.", "An operation on one that has not ended is waited for."}, footer = {"", "Example:", "  ferry cancel train"})
    public static final class Cancel implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "JOB", arity = "1..*", description = "Names, ids or begins of ids.")
        private List<String> jobs = new ArrayList<>();

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                return Operations.each(server, client, jobs, false, true, job -> stub -> stub.cancelJob(CancelJobRequest.newBuilder().setJob(job).build()));
            }
        }
    }

    /** {@code ferry wait}. */
    @Command(name = "wait", description = "Waits until a job has ended; the exit status is the job's.", footer = {"", "Example:", "  ferry wait train; echo $?"})
    public static final class Wait implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "JOB", description = "Name, id or begin of an id.")
        private String job = "";

        @Option(names = "--timeout", paramLabel = "TIME", description = "Give up after so long, for example 10m; the job goes on.", defaultValue = "")
        private String timeout = "";

        @Override
        public Integer call() {
            Optional<Duration> atMost = Times.atMost("--timeout", timeout);
            try (Client client = server.connect()) {
                // By its id: another one may have its name when this one has ended.
                String id = JobEnd.id(client, job);
                int status = JobEnd.within(atMost, "Job " + job + " has not ended within " + timeout, "'ferry show " + id + "' tells how it stands; if it is pending, 'ferry explain " + id + "' says why it waits", () -> JobEnd.await(client, id));
                if (server.json()) {
                    Job ended = client.look(stub -> stub.getJob(GetJobRequest.newBuilder().setJob(id).build()));
                    server.print(ended, () -> "");
                }
                return status;
            }
        }
    }
}
