package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.Table;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.Durations;
import dev.ferry.proto.v1.DecisionReplay;
import dev.ferry.proto.v1.ExplainJobRequest;
import dev.ferry.proto.v1.Explanation;
import dev.ferry.proto.v1.GetDecisionRequest;
import dev.ferry.proto.v1.JobUse;
import dev.ferry.proto.v1.JobVerdict;
import dev.ferry.proto.v1.ListDecisionsRequest;
import dev.ferry.proto.v1.ListDecisionsResponse;
import dev.ferry.proto.v1.PassOutput;
import dev.ferry.proto.v1.PreemptionVerdict;
import dev.ferry.proto.v1.SchedulingDecision;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Verbs that say why: of one job, and of what the scheduler decided. */
public final class DecisionVerbs {
    private static final long MILLIS = 1000;

    private DecisionVerbs() {}

    private static void line(StringBuilder text, String key, String value) {
        text.append(Texts.line(13, key, value));
    }

    /** {@code ferry explain}. */
    @Command(name = "explain", description = "Says why a job waits, for whom, until when at the latest, and what would have to give.", footer = {"", "Example:", "  ferry explain train"})
    public static final class Explain implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "JOB", description = "Name, id or begin of an id.")
        private String job = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                Explanation answer = client.askDecisions(stub -> stub.explainJob(ExplainJobRequest.newBuilder().setJob(job).build()));
                server.print(answer, () -> text(answer));
                return 0;
            }
        }

        private static String text(Explanation said) {
            StringBuilder text = new StringBuilder();
            line(text, "job", said.getJob());
            line(text, "why", said.getWhy());
            if (said.getPosition() > 0) {
                line(text, "queue", "number " + said.getPosition() + ", priority " + said.getPriority());
                line(text, "behind", said.getBehind());
                line(text, "starts", said.getLatestStart() == 0 ? "nobody knows when: it hangs on jobs without a time limit" : "at " + Texts.at(said.getLatestStart()) + " at the latest");
                line(text, "no preemption", said.getNoPreemption());
                said.getHoldersList().forEach(holder -> line(text, "holds room", holder.getJob() + ": " + holder.getWhy()));
            }
            JobUse use = said.getUse();
            line(text, "ran", time(use.getRunningSeconds() * MILLIS));
            line(text, "waited", time(use.getWaitingMillis()));
            line(text, "parked", time(use.getParkedMillis()));
            line(text, "stored", time(use.getStoredMillis()));
            line(text, "moved", time(use.getMovingMillis()));
            line(text, "GPU time", time(use.getGpuSeconds() * MILLIS));
            line(text, "billed", use.getBilled() == 0 ? "" : String.format(Locale.ROOT, "%.0f", use.getBilled()));
            return text.toString();
        }

        private static String time(long millis) {
            return millis == 0 ? "" : Durations.format(Duration.ofMillis(millis));
        }
    }

    /** {@code ferry decisions}. */
    @Command(name = "decisions", description = "Lists what the scheduler decided, the newest first.", footer = {"", "Examples:", "  ferry decisions", "  ferry decisions train"})
    public static final class Listing implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "JOB", arity = "0..1", description = "Only those that concern this job.", defaultValue = "")
        private String job = "";

        @Option(names = "--most", paramLabel = "N", description = "How many at most; default 50.", defaultValue = "0")
        private int most;

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                ListDecisionsResponse answer = client.askDecisions(stub -> stub.listDecisions(ListDecisionsRequest.newBuilder().setJob(job).setMost(most).build()));
                server.print(answer, () -> table(answer));
                return 0;
            }
        }

        private static String table(ListDecisionsResponse decisions) {
            Table table = new Table("DECISION", "AT", "WHAT", "JOBS", "OPERATIONS");
            decisions.getDecisionsList().forEach(one -> table.row(one.getId(), Texts.at(one.getAt()), one.getSummary(), String.join(",", one.getJobsList()), String.join(",", one.getOperationsList())));
            return table.toString();
        }
    }

    /** {@code ferry decision}. */
    @Command(
            name = "decision",
            description = "Shows one decision of the scheduler, or makes it again.",
            subcommands = {Show.class, Replay.class},
            footer = {"", "Example:", "  ferry decision show d-k3m9x2ap"})
    public static final class One {
        @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
        private boolean help;
    }

    /** {@code ferry decision show}. */
    @Command(name = "show", description = "Shows a decision: what was decided for each job, who makes room for whom, who was left and why; with -o json also all that it was made from.", footer = {"", "Example:", "  ferry decision show d-k3m9x2ap"})
    public static final class Show implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "ID", description = "The decision.")
        private String decision = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                SchedulingDecision answer = client.askDecisions(stub -> stub.getDecision(GetDecisionRequest.newBuilder().setDecision(decision).build()));
                server.print(answer, () -> text(answer));
                return 0;
            }
        }
    }

    /** {@code ferry decision replay}. */
    @Command(name = "replay", description = "Decides again from what a decision was made from; the exit status is 0 if the same comes out, bit by bit.", footer = {"", "Example:", "  ferry decision replay d-k3m9x2ap"})
    public static final class Replay implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "ID", description = "The decision.")
        private String decision = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                DecisionReplay answer = client.askDecisions(stub -> stub.replayDecision(GetDecisionRequest.newBuilder().setDecision(decision).build()));
                server.print(answer, () -> outcome(answer.getOutput()) + (answer.getSame() ? "the same as was decided, bit by bit\n" : "NOT what was decided\n"));
                return answer.getSame() ? 0 : 1;
            }
        }
    }

    private static String text(SchedulingDecision decision) {
        StringBuilder text = new StringBuilder();
        line(text, "decision", decision.getId());
        line(text, "at", Texts.at(decision.getAt()));
        line(text, "what", decision.getSummary());
        line(text, "operations", String.join(", ", decision.getOperationsList()));
        if (decision.hasInput()) {
            line(text, "made from", decision.getInput().getNodesCount() + " nodes, " + decision.getInput().getRunningCount() + " running and " + decision.getInput().getWaitingCount() + " waiting jobs, " + decision.getInput().getAssociationsCount() + " accounts and users");
        }
        return text.append(outcome(decision.getOutput())).toString();
    }

    private static String outcome(PassOutput output) {
        StringBuilder text = new StringBuilder();
        for (JobVerdict verdict : output.getVerdictsList()) {
            String behind = verdict.getBehind().isEmpty() ? "" : " behind " + verdict.getBehind();
            String at = verdict.getAt() == 0 ? "" : " from " + Texts.at(verdict.getAt() * MILLIS);
            line(text, verdict.getJob(), verdict.getKind().name().toLowerCase(Locale.ROOT).replace('_', ' ') + (verdict.getNode().isEmpty() ? "" : " " + verdict.getNode()) + at + behind + (verdict.getWhy().isEmpty() ? "" : ": " + verdict.getWhy()));
        }
        for (PreemptionVerdict verdict : output.getPreemptionsList()) {
            String stand = String.format(Locale.ROOT, " (its account is due %.2f and holds %.2f)", verdict.getDue(), verdict.getHolds());
            line(text, verdict.getJob(), (verdict.getPreempts() ? "gets room on " + verdict.getNode() + ": " : "gets no room: ") + verdict.getWhy() + stand);
            verdict.getVictimsList().forEach(victim -> line(text, victim.getTo().isEmpty() ? "  takes" : "  moves", victim.getJob() + (victim.getTo().isEmpty() ? victim.getPark() ? ", parked" : ", stored" : " to " + victim.getTo()) + (victim.getWhy().isEmpty() ? "" : ": " + victim.getWhy())));
            verdict.getRejectedList().forEach(left -> line(text, "  leaves", left.getJob() + ": " + left.getWhy()));
        }
        return text.toString();
    }
}
