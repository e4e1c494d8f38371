package dev.ferry.cli.docs;

import dev.ferry.cli.Main;
import dev.ferry.cli.output.Defaults;
import dev.ferry.common.Errors;
import dev.ferry.common.testing.GeneratedPart;
import dev.ferry.coordinator.access.Door;
import dev.ferry.coordinator.access.Thing;
import dev.ferry.coordinator.access.VerbRule;
import dev.ferry.coordinator.access.VerbRules;
import dev.ferry.coordinator.operations.Continuation;
import dev.ferry.coordinator.operations.CrashTable;
import dev.ferry.coordinator.operations.Plan;
import dev.ferry.coordinator.operations.StepName;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorMeaning;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.Role;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Those parts of docs/ that the code itself says. */
class DocsTest {
    private static final int WIDTH = 110;

    @Test
    void operations(@TempDir Path folder) throws IOException {
        StringBuilder text = new StringBuilder("### Steps\n\n| step | done by | what it does |\n| --- | --- | --- |\n");
        for (StepName step : StepName.values()) {
            text.append("| ").append(step).append(" | ").append(step.actor()).append(" | ").append(step.does()).append(" |\n");
        }
        Stream.of(OperationKind.values()).filter(kind -> kind != OperationKind.UNRECOGNIZED && kind != OperationKind.OPERATION_KIND_UNSPECIFIED).forEach(kind -> text.append(machine(kind.name(), Plan.of(kind))));
        text.append(machine("MIGRATE, live", Plan.live()));
        text.append("\n### What a crash leads to\n");
        try (SqliteStateStore store = SqliteStateStore.open(folder)) {
            text.append(CrashTable.markdown(cell -> continuation(store, cell)));
        }
        GeneratedPart.check("operations.md", DocsTest.class, text.toString());
    }

    /** Each cell begins with an empty store: what the one before wrote is rolled back. */
    private static Continuation continuation(SqliteStateStore store, CrashTable.Cell cell) {
        AtomicReference<Continuation> found = new AtomicReference<>();
        IllegalStateException rollBack = new IllegalStateException("all that was to be known is known");
        try {
            store.transact(
                    state -> {
                        found.set(CrashTable.continuation(state, cell));
                        throw rollBack;
                    });
        } catch (IllegalStateException thrown) {
            if (thrown != rollBack) {
                throw thrown;
            }
        }
        return found.get();
    }

    private static String machine(String title, Plan plan) {
        StringBuilder text = new StringBuilder("\n### " + title + "\n\n```mermaid\nstateDiagram-v2\n    [*] --> " + plan.first() + "\n");
        StringBuilder table = new StringBuilder("\n| step | when it is done | when it failed |\n| --- | --- | --- |\n");
        for (StepName step : plan.steps()) {
            table.append("| ").append(step);
            for (boolean succeeded : new boolean[] {true, false}) {
                Plan.Next next = plan.after(step, succeeded);
                text.append("    ").append(step).append(" --> ").append(node(next)).append(succeeded ? ": done" : ": failed").append('\n');
                table.append(" | ").append(words(next));
            }
            table.append(" |\n");
        }
        return text.append("```\n").append(table).toString();
    }

    private static String node(Plan.Next next) {
        return switch (next) {
            case Plan.Next.Go go -> go.step().name();
            case Plan.Next.Done done -> "SUCCEEDED";
            case Plan.Next.Failed failed -> "FAILED";
        };
    }

    private static String words(Plan.Next next) {
        return next instanceof Plan.Next.Go go ? go.step().name() : "the operation is " + node(next);
    }

    @Test
    void errors() throws IOException {
        StringBuilder text = new StringBuilder("| code | exit status | gRPC | HTTP | what happened | what to do |\n| --- | --- | --- | --- | --- | --- |\n");
        for (ErrorCode code : ErrorCode.values()) {
            if (code != ErrorCode.UNRECOGNIZED) {
                ErrorMeaning meaning = Errors.meaning(code);
                text.append(
                        Stream.of(code.name(), String.valueOf(meaning.getExitStatus()), meaning.getGrpcStatus(), String.valueOf(meaning.getHttpStatus()), meaning.getMeaning(), meaning.getAdvice())
                                .map(cell -> cell.replace("|", "\\|"))
                                .collect(Collectors.joining(" | ", "| ", " |\n")));
            }
        }
        GeneratedPart.check("errors.md", DocsTest.class, text.toString());
    }

    @Test
    void configuration() throws IOException {
        String node = Defaults.node().replaceFirst("(?m)^name: .*$", "name: \"the machine's host name\"");
        GeneratedPart.check("configuration.md", DocsTest.class, "### coordinator.yaml\n\n```yaml\n" + Defaults.coordinator() + "```\n\n### node.yaml\n\n```yaml\n" + node + "```\n");
    }

    @Test
    void security() throws IOException {
        StringBuilder text = new StringBuilder("| call | nobody | viewer | user | operator | admin | node | in the audit log |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n");
        for (VerbRule rule : VerbRules.all()) {
            text.append("| ").append(rule.rpc()).append(" | no");
            for (Role role : List.of(Role.ROLE_VIEWER, Role.ROLE_USER, Role.ROLE_OPERATOR, Role.ROLE_ADMIN)) {
                text.append(" | ").append(cell(rule, role));
            }
            text.append(" | ").append(node(rule)).append(" | ").append(rule.changes() ? "yes" : "").append(" |\n");
        }
        GeneratedPart.check("security.md", DocsTest.class, text.toString());
    }

    private static String node(VerbRule rule) {
        return switch (rule.door()) {
            case TOKEN -> "no";
            case NODE -> "for itself";
            case JOIN -> "by join token";
        };
    }

    private static String cell(VerbRule rule, Role role) {
        if (rule.door() != Door.TOKEN || role.getNumber() < rule.least().getNumber()) {
            return "no";
        }
        return role == Role.ROLE_USER && rule.thing() != Thing.NONE ? "own" : "yes";
    }

    @Test
    void commandLine() throws IOException {
        StringBuilder text = new StringBuilder();
        append(text, Main.commandLine());
        GeneratedPart.check("cli.md", DocsTest.class, text.toString());
    }

    private static void append(StringBuilder text, CommandLine command) {
        command.setUsageHelpAutoWidth(false);
        command.setUsageHelpWidth(WIDTH);
        text.append("### ").append(command.getCommandSpec().qualifiedName()).append("\n\n```text\n").append(command.getUsageMessage(CommandLine.Help.Ansi.OFF)).append("```\n\n");
        command.getSubcommands().values().forEach(verb -> append(text, verb));
    }
}
