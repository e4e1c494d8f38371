package dev.ferry.cli.verbs;

import dev.ferry.cli.Main;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code ferry completion}. */
@Command(
        name = "completion",
        description = "Prints a completion script for bash or zsh.",
        footer = {"", "Examples:", "  source <(ferry completion bash)", "  ferry completion zsh > ~/.zfunc/ferry.zsh; echo 'source ~/.zfunc/ferry.zsh' >> ~/.zshrc"})
public final class CompletionVerb implements Callable<Integer> {
    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Parameters(paramLabel = "bash|zsh", description = "The shell.")
    private String shell = "";

    @Override
    public Integer call() {
        if (!shell.equals("bash") && !shell.equals("zsh")) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "There is no completion for '" + shell + "'; there is one for bash and one for zsh");
        }
        // The script loads zsh's own support for bash completions when it finds itself in zsh.
        System.out.print(AutoComplete.bash("ferry", Main.commandLine()));
        return 0;
    }
}
