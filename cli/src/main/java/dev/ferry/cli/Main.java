package dev.ferry.cli;

import dev.ferry.cli.output.Failure;
import dev.ferry.cli.verbs.VerbTable;
import dev.ferry.common.Errors;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Entry of the {@code ferry} command. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        System.exit(written(commandLine(arguments).execute(arguments)));
    }

    /** A print stream keeps to itself that it could not write: whoever reads the exit status would take half an answer for a whole one. */
    private static int written(int status) {
        return System.out.checkError() && status == 0 ? Failure.print(Failure.outputClosed(), false) : status;
    }

    /** The command with the one verb that the words begin with, or with all when they don't. */
    static CommandLine commandLine(String[] words) {
        Class<?> verb = words.length == 0 ? null : VerbTable.verbs().get(words[0]);
        return verb == null ? commandLine() : commandLine(Map.of(words[0], verb));
    }

    /** The whole command, ready to be executed or asked about. */
    public static CommandLine commandLine() {
        return commandLine(VerbTable.verbs());
    }

    private static CommandLine commandLine(Map<String, Class<?>> verbs) {
        CommandLine command = new CommandLine(new FerryCommand());
        verbs.forEach(command::addSubcommand);
        command.setCaseInsensitiveEnumValuesAllowed(true);
        command.setUsageHelpAutoWidth(true);
        command.setExecutionExceptionHandler((failure, line, parsed) -> Failure.print(failure, wantsJson(parsed.originalArgs())));
        command.setParameterExceptionHandler(
                (failure, words) -> {
                    CommandLine of = failure.getCommandLine();
                    String help = "'" + of.getCommandSpec().qualifiedName() + " --help' shows what it takes";
                    FerryException error = new FerryException(
                            new FerryException(ErrorCode.INVALID_ARGUMENT, message(failure)).detail().toBuilder().setAdvice(help).build());
                    return Failure.print(error, wantsJson(Arrays.asList(words)));
                });
        return command;
    }

    /** What is wrong with the words, with what was perhaps meant. */
    private static String message(ParameterException failure) {
        if (!(failure instanceof UnmatchedArgumentException unmatched) || unmatched.getUnmatched().isEmpty()) {
            return String.valueOf(failure.getMessage());
        }
        CommandLine of = failure.getCommandLine();
        String word = unmatched.getUnmatched().getFirst();
        boolean verb = !of.getSubcommands().isEmpty() && !unmatched.isUnknownOption();
        String wrong = verb ? "There is no command '" + of.getCommandSpec().qualifiedName() + " " + word + "'" : String.valueOf(failure.getMessage());
        return unmatched.getSuggestions().isEmpty() ? wrong : wrong + "; did you mean " + String.join(" or ", unmatched.getSuggestions()) + "?";
    }

    /** As the options' own parser would take them; it does not say when the words are wrong. */
    private static boolean wantsJson(List<String> words) {
        int options = words.indexOf("--");
        List<String> own = options < 0 ? words : words.subList(0, options);
        for (int at = 0; at < own.size(); at++) {
            String word = own.get(at);
            boolean alone = word.equals("-o") || word.equals("--output");
            String format = alone ? at + 1 < own.size() ? own.get(at + 1) : "" : word.startsWith("--") ? word.replaceFirst("^--output=", "") : word.replaceFirst("^-o=?", "");
            if (format.equalsIgnoreCase("json") && (alone || word.startsWith("-"))) {
                return true;
            }
        }
        return false;
    }

    /** Exit status of an error. */
    public static int statusOf(FerryException failure) {
        return Errors.meaning(failure.code()).getExitStatus();
    }
}
