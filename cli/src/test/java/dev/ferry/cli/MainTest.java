package dev.ferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Errors;
import dev.ferry.proto.v1.ErrorCode;
import io.vertx.core.json.JsonObject;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** What holds for every verb. */
class MainTest {
    private record Said(int status, String out, String error) {}

    private static Said ferry(String... words) {
        PrintStream out = System.out;
        PrintStream error = System.err;
        ByteArrayOutputStream caughtOut = new ByteArrayOutputStream();
        ByteArrayOutputStream caughtError = new ByteArrayOutputStream();
        System.setOut(new PrintStream(caughtOut, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(caughtError, true, StandardCharsets.UTF_8));
        try {
            int status = Main.commandLine().execute(words);
            return new Said(status, caughtOut.toString(StandardCharsets.UTF_8), caughtError.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(error);
        }
    }

    private static List<CommandLine> verbs(CommandLine command) {
        List<CommandLine> all = new ArrayList<>();
        command.getSubcommands().values().forEach(verb -> {
            all.add(verb);
            all.addAll(verbs(verb));
        });
        return all;
    }

    @Test
    void everyVerbHasAHelpWithAnExample() {
        assertThat(verbs(Main.commandLine()))
                .allSatisfy(
                        verb -> {
                            String help = verb.getUsageMessage(CommandLine.Help.Ansi.OFF);
                            assertThat(help).contains("--help", "Example");
                            assertThat(verb.getCommandSpec().usageMessage().description()).isNotEmpty();
                        });
    }

    @Test
    void wrongWordsAreNamedWithTheHelpThatShowsThem() {
        Said unknown = ferry("migrte");
        assertThat(unknown.status()).isEqualTo(2);
        assertThat(unknown.error()).contains("There is no command 'ferry migrte'; did you mean migrate", "--help", "INVALID_ARGUMENT");
        assertThat(ferry("admin", "frob").error()).contains("There is no command 'ferry admin frob'", "'ferry admin --help'");
        Said option = ferry("ps", "--al");
        assertThat(option.status()).isEqualTo(2);
        assertThat(option.error()).contains("--al", "did you mean --all", "ferry ps --help");
        assertThat(ferry().status()).isEqualTo(2);
    }

    @Test
    void noCoordinatorIsSaidWithItsAddressInBothForms() {
        Said text = ferry("ps", "--server", "127.0.0.1:1");
        assertThat(text.status()).isEqualTo(Errors.meaning(ErrorCode.COORDINATOR_UNREACHABLE).getExitStatus());
        assertThat(text.error()).contains("127.0.0.1:1: Connection refused", "COORDINATOR_UNREACHABLE");
        assertThat(text.out()).isEmpty();
        Said json = ferry("ps", "-o", "json", "--server", "127.0.0.1:1");
        assertThat(json.status()).isEqualTo(text.status());
        JsonObject error = new JsonObject(json.error().isEmpty() ? json.out() : json.error());
        assertThat(error.encode()).contains("COORDINATOR_UNREACHABLE");
    }

    @Test
    void theCompletionScriptIsOneThatBashCanRead() throws Exception {
        Said script = ferry("completion", "bash");
        assertThat(script.status()).isZero();
        Process bash = new ProcessBuilder("bash", "-c", "set -e; eval \"$(cat)\"; complete -p ferry").redirectErrorStream(true).start();
        bash.outputWriter().append(script.out()).close();
        String said = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(bash.waitFor()).as(said).isZero();
        assertThat(script.out()).contains("checkpoint", "declare-dead", "print-defaults");
        assertThat(ferry("completion", "fish").status()).isEqualTo(2);
    }
}
