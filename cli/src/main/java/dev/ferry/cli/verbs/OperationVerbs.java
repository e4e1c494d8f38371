package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.Failure;
import dev.ferry.cli.output.OperationView;
import dev.ferry.cli.output.Table;
import dev.ferry.cli.output.Texts;
import dev.ferry.proto.v1.GetOperationRequest;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.ListOperationsResponse;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Verbs that look at operations. */
public final class OperationVerbs {
    private OperationVerbs() {}

    /** {@code ferry operations}. */
    @Command(name = "operations", description = "Lists operations, the newest first.", footer = {"", "Example:", "  ferry operations train"})
    public static final class Listing implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Option(names = "--open", description = "Only those that have not ended.")
        private boolean open;

        @Parameters(paramLabel = "JOB", arity = "0..1", description = "Only on this job.", defaultValue = "")
        private String job = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                ListOperationsResponse answer = client.ask(stub -> stub.listOperations(ListOperationsRequest.newBuilder().setJob(job).setOpenOnly(open).build()));
                server.print(answer, () -> table(answer) + (!open && answer.getOperationsCount() >= MOST ? rest(answer) : ""));
                return 0;
            }
        }

        private String rest(ListOperationsResponse operations) {
            return "only the newest " + operations.getOperationsCount() + " are listed" + (job.isEmpty() ? "; 'ferry operations JOB' lists those of one job\n" : "\n");
        }

        /** More are not told of at once. */
        private static final int MOST = 200;

        private static String table(ListOperationsResponse operations) {
            Table table = new Table("OPERATION", "KIND", "JOB", "STATE", "STEP", "FROM", "TO", "AGE", "TOOK", "STILL", "ERROR");
            for (Operation operation : operations.getOperationsList()) {
                String step = operation.getStepsCount() == 0 ? "" : operation.getSteps(operation.getStepsCount() - 1).getName();
                long took = operation.getEndedAt() == 0 ? System.currentTimeMillis() - operation.getStartedAt() : operation.getEndedAt() - operation.getStartedAt();
                table.row(
                        operation.getId(), operation.getKind().name(), operation.getJob(), state(operation), step, operation.getSourceNode(),
                        operation.getTargetNode(), Texts.ago(operation.getStartedAt()), Texts.micros(Math.max(1, took) * 1000), Texts.micros(operation.getOutageMicros()),
                        operation.hasError() ? operation.getError().getCode().name() : "");
            }
            return table.toString();
        }
    }

    static String state(Operation operation) {
        return operation.getState() == OperationState.FAILED_OPERATION ? "FAILED" : operation.getState().name();
    }

    /** {@code ferry operation}. */
    @Command(name = "operation", description = "Shows one operation, or follows it.", subcommands = {Show.class, Watch.class}, footer = {"", "Examples:", "  ferry operation show op-abcdefgh", "  ferry operation watch op-abcdefgh"})
    public static final class One implements Runnable {
        @Spec private CommandSpec spec;

        @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
        private boolean help;

        @Override
        public void run() {
            throw new ParameterException(spec.commandLine(), "Say which: ferry operation show ID or ferry operation watch ID");
        }
    }

    /** {@code ferry operation watch}. */
    @Command(name = "watch", description = "Follows an operation that was begun with --detach, by another or by Ferry itself to its end; the exit status is that of its error.", footer = {"", "Example:", "  ferry operation watch op-abcdefgh"})
    public static final class Watch implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "ID", description = "Id of an operation, or its begin.")
        private String id = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                return Operations.follow(server, client, client.ask(stub -> stub.getOperation(GetOperationRequest.newBuilder().setOperation(id).build())));
            }
        }
    }

    /** {@code ferry operation show}. */
    @Command(name = "show", description = "Shows an operation with every step, its time and its error.", footer = {"", "Example:", "  ferry operation show op-abcdefgh"})
    public static final class Show implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "ID", description = "Id of an operation, or its begin.")
        private String id = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                Operation answer = client.ask(stub -> stub.getOperation(GetOperationRequest.newBuilder().setOperation(id).build()));
                server.print(answer, () -> text(answer));
                return 0;
            }
        }

        private static String text(Operation operation) {
            StringBuilder text = new StringBuilder();
            text.append(operation.getId()).append("  ").append(operation.getKind()).append(" of job ").append(operation.getJob()).append(", life ").append(operation.getIncarnation()).append(": ").append(state(operation)).append('\n');
            text.append("asked by ").append(operation.getCause()).append(" at ").append(Texts.at(operation.getStartedAt()));
            if (operation.getOutageMicros() > 0) {
                text.append(", the job stood still ").append(Texts.micros(operation.getOutageMicros()));
            }
            text.append('\n');
            if (operation.hasProof()) {
                text.append(Texts.proof(operation.getProof())).append('\n');
            }
            for (Step step : operation.getStepsList()) {
                if (step.getState() == StepState.STEP_OPEN) {
                    text.append("  . ").append(step.getName()).append(step.getNode().isEmpty() ? "" : " on " + step.getNode()).append("  since ").append(Texts.ago(step.getStartedAt())).append(' ').append(step.getProgress().getPhase()).append('\n');
                } else {
                    text.append("  ").append(OperationView.line(step)).append('\n');
                }
            }
            return operation.hasError() ? text.append(Failure.text(operation.getError())).toString() : text.toString();
        }
    }
}
