package dev.ferry.cli.output;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.cli.Main;
import dev.ferry.common.Errors;
import dev.ferry.proto.v1.ErrorCode;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import picocli.CommandLine.MissingParameterException;

/** What an error says to do can be done: its commands can be given, and its keys can be set. */
class AdviceTest {
    private static final Pattern COMMAND = Pattern.compile("`ferry ([^`]+)`");
    private static final Pattern KEY = Pattern.compile("(?<![\\w.])[a-z]+(?:\\.[a-z]+)*(?:\\.?[a-z]*[A-Z][A-Za-z]*)+");

    private static List<String> commands(ErrorCode code) {
        return COMMAND.matcher(Errors.meaning(code).getAdvice()).results().map(found -> found.group(1)).toList();
    }

    private static List<String> keys(ErrorCode code) {
        return KEY.matcher(Errors.meaning(code).getAdvice()).results().map(MatchResult::group).toList();
    }

    @ParameterizedTest
    @EnumSource(value = ErrorCode.class, mode = EnumSource.Mode.EXCLUDE, names = "UNRECOGNIZED")
    void everyCommandCanBeGiven(ErrorCode code) {
        for (String command : commands(code)) {
            try {
                assertThat(Main.commandLine().parseArgs(command.split(" ", -1)).errors()).as(command).isEmpty();
            } catch (MissingParameterException named) {
                // The advice names the verb alone; that there is one has been seen.
                assertThat(named.getMissing()).as(command).isNotEmpty();
            }
        }
    }

    @ParameterizedTest
    @EnumSource(value = ErrorCode.class, mode = EnumSource.Mode.EXCLUDE, names = "UNRECOGNIZED")
    void everyKeyCanBeSet(ErrorCode code) {
        Set<String> names = Defaults.MEANING.keySet().stream().map(AdviceTest::last).collect(Collectors.toSet());
        assertThat(keys(code)).allSatisfy(key -> assertThat(names).contains(last(key)));
    }

    private static String last(String key) {
        return key.substring(key.lastIndexOf('.') + 1);
    }

    @Test
    void aDeadlineIsRaisedByTheKeyThatSetsIt() {
        assertThat(keys(ErrorCode.DUMP_TIMEOUT)).containsExactly("dumpDeadline");
        assertThat(keys(ErrorCode.RESTORE_TIMEOUT)).containsExactly("restoreDeadline");
    }

    /** A process in the driver may not die: until the order to end it is carried out, nothing else of its job can be asked for. */
    @Test
    void aJobThatIsStuckOnItsGpuIsEndedBeforeItIsRestored() {
        assertThat(commands(ErrorCode.GPU_STUCK)).containsExactly("node drain NODE", "cancel JOB", "restore JOB --node OTHER");
    }
}
