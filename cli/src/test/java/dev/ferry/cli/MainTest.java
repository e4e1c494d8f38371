package dev.ferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.cli.output.Failure;
import dev.ferry.common.Errors;
import dev.ferry.proto.v1.ErrorCode;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** What holds for every verb. */
class MainTest {
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
        Ferry.Said unknown = Ferry.ferry("migrte");
        assertThat(unknown.status()).isEqualTo(2);
        assertThat(unknown.error()).contains("There is no command 'ferry migrte'; did you mean migrate", "--help", "INVALID_ARGUMENT");
        assertThat(Ferry.ferry("admin", "frob").error()).contains("There is no command 'ferry admin frob'", "'ferry admin --help'");
        Ferry.Said option = Ferry.ferry("ps", "--al");
        assertThat(option.status()).isEqualTo(2);
        assertThat(option.error()).contains("--al", "did you mean --all", "ferry ps --help");
        assertThat(Ferry.ferry().status()).isEqualTo(2);
    }

    /** What everybody types first. */
    @Test
    void theVersionIsToldByTheUsualOptionsToo() {
        for (String option : List.of("--version", "-V")) {
            Ferry.Said said = Ferry.ferry(option);
            assertThat(said.out()).as(option).startsWith("ferry ");
            assertThat(said.status()).as(option).isEqualTo(Ferry.ferry("version").status());
        }
    }

    @Test
    void noCoordinatorIsSaidWithItsAddressInBothForms() {
        Ferry.Said text = Ferry.ferry("ps", "--server", "127.0.0.1:1");
        assertThat(text.status()).isEqualTo(Errors.meaning(ErrorCode.COORDINATOR_UNREACHABLE).getExitStatus());
        assertThat(text.error()).contains("127.0.0.1:1: Connection refused", "COORDINATOR_UNREACHABLE");
        assertThat(text.out()).isEmpty();
        Ferry.Said json = Ferry.ferry("ps", "-o", "json", "--server", "127.0.0.1:1");
        assertThat(json.status()).isEqualTo(text.status());
        JsonObject error = new JsonObject(json.error().isEmpty() ? json.out() : json.error());
        assertThat(error.encode()).contains("COORDINATOR_UNREACHABLE");
    }

    @Test
    void anErrorIsADocumentHoweverTheFormatIsWritten() {
        for (List<String> format : List.of(List.of("-o", "json"), List.of("--output", "json"), List.of("-o", "JSON"), List.of("-oJson"), List.of("-o=JSON"), List.of("--output=JSON"))) {
            List<String> words = new ArrayList<>(List.of("ps", "--server", "127.0.0.1:1"));
            words.addAll(format);
            assertThat(new JsonObject(Ferry.ferry(words.toArray(String[]::new)).out()).getString("code")).as("%s", format).isEqualTo("COORDINATOR_UNREACHABLE");
        }
        assertThat(Ferry.ferry("ps", "--server", "127.0.0.1:1", "-o", "table").out()).isEmpty();
    }

    /** A print stream says nothing of it, and a script would take the exit status for the truth. */
    @Test
    void whatCouldNotBeWrittenIsAnError() throws Exception {
        Ferry.Said full = Ferry.into(Path.of("/dev/full"), "config", "print-defaults", "node");
        assertThat(full.status()).isEqualTo(Errors.meaning(ErrorCode.CANCELLED).getExitStatus());
        assertThat(full.error()).contains("Standard output is closed or full");
        assertThat(Ferry.into(Path.of("/dev/null"), "config", "print-defaults", "node").status()).isZero();
    }

    @Test
    void whatIsWrongWithAFileIsSaidWithoutATrace(@TempDir Path folder) {
        Ferry.Said none = Ferry.ferry("admin", "backup", folder.resolve("none").resolve("state.gz").toString(), "--server", "127.0.0.1:1");
        assertThat(none.status()).isEqualTo(Errors.meaning(ErrorCode.INVALID_ARGUMENT).getExitStatus());
        assertThat(none.error()).contains("There is no file or folder " + folder.resolve("none")).doesNotContain("Exception", "    at ");
        assertThat(Failure.print(new IOException("write failed: No space left on device"), false)).isEqualTo(Errors.meaning(ErrorCode.DISK_FULL).getExitStatus());
        assertThat(Failure.print(new IOException("something else"), false)).isEqualTo(Errors.meaning(ErrorCode.INTERNAL).getExitStatus());
    }

    @Test
    void theCompletionScriptIsOneThatBashCanRead() throws Exception {
        Ferry.Said script = Ferry.ferry("completion", "bash");
        assertThat(script.status()).isZero();
        Process bash = new ProcessBuilder("bash", "-c", "set -e; eval \"$(cat)\"; complete -p ferry").redirectErrorStream(true).start();
        bash.outputWriter().append(script.out()).close();
        String said = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(bash.waitFor()).as(said).isZero();
        assertThat(script.out()).contains("checkpoint", "declare-dead", "print-defaults");
        assertThat(Ferry.ferry("completion", "fish").status()).isEqualTo(2);
    }
}
