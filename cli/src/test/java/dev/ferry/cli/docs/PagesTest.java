package dev.ferry.cli.docs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.cli.Main;
import dev.ferry.common.testing.GeneratedPart;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** What pages written by hand say of commands and of each other: somebody types it at night. */
class PagesTest {
    /** Words of the launcher, before any verb of the product. */
    private static final Set<String> LAUNCHER = Set.of("setup", "test", "kit");

    private static final Pattern CODE = Pattern.compile("(?s)\n```.*?\n```|`[^`\n]+`");
    /** The words of a command, from where a shell begins one to where it ends it, redirects it or begins a comment. */
    private static final Pattern COMMAND = Pattern.compile("(?m)(?:^ *|[`;&|(] *)(?:\\./|/usr/local/bin/)?ferry((?: +[^\\s|;&<>()#`'\"]+)+)");
    private static final Pattern WORD = Pattern.compile("[a-z][a-z-]*");
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");
    private static final Pattern HEADING = Pattern.compile("(?m)^#+ +(.*)$");

    private static List<Path> pages() throws IOException {
        Path docs = GeneratedPart.docs();
        try (Stream<Path> all = Files.walk(docs)) {
            Stream<Path> beside = Stream.of("../README.md", "../CONTRIBUTING.md").map(docs::resolve);
            return Stream.concat(beside, all.filter(page -> page.toString().endsWith(".md"))).map(Path::normalize).sorted().toList();
        }
    }

    @Test
    void everyCommandIsOneThatThereIs() throws IOException {
        CommandLine ferry = Main.commandLine();
        List<String> wrong = new ArrayList<>();
        int seen = 0;
        for (Path page : pages()) {
            for (String code : CODE.matcher(Files.readString(page)).results().map(MatchResult::group).toList()) {
                for (MatchResult command : COMMAND.matcher(code).results().toList()) {
                    seen++;
                    String problem = problem(ferry, command.group(1).trim().split(" +"));
                    if (!problem.isEmpty()) {
                        wrong.add(page.getFileName() + ": ferry" + command.group(1) + ": " + problem);
                    }
                }
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(seen).as("commands that were found").isGreaterThan(200);
    }

    /** What of a command there is not; empty: nothing. */
    private static String problem(CommandLine ferry, String[] words) {
        CommandLine at = ferry;
        int next = 0;
        while (next < words.length && at.getSubcommands().containsKey(words[next])) {
            at = at.getSubcommands().get(words[next++]);
        }
        if (next == 0) {
            return WORD.matcher(words[0]).matches() && !LAUNCHER.contains(words[0]) ? "there is no such verb" : "";
        }
        for (; next < words.length && !words[next].equals("--"); next++) {
            String option = words[next].replaceFirst("=.*", "").replaceFirst("[\\],.:]+$", "");
            boolean there = at.getCommandSpec().optionsMap().containsKey(option) || at.getCommandSpec().negatedOptionsMap().containsKey(option);
            if (option.startsWith("--") && !there) {
                return "there is no option " + option;
            }
        }
        return "";
    }

    @Test
    void everyLinkLeadsSomewhere() throws IOException {
        List<String> wrong = new ArrayList<>();
        for (Path page : pages()) {
            for (MatchResult link : LINK.matcher(Files.readString(page)).results().toList()) {
                String[] parts = link.group(1).split("#", 2);
                if (parts[0].contains("://")) {
                    continue;
                }
                Path target = parts[0].isEmpty() ? page : page.resolveSibling(parts[0]).normalize();
                boolean there = Files.exists(target) && (parts.length < 2 || anchors(target).contains(parts[1]));
                if (!there) {
                    wrong.add(page.getFileName() + ": " + link.group(1));
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    /** As GitHub makes them of headings. */
    private static Set<String> anchors(Path page) throws IOException {
        String text = CODE.matcher(Files.readString(page)).replaceAll(code -> code.group().startsWith("\n") ? "" : Matcher.quoteReplacement(code.group()));
        return HEADING.matcher(text).results().map(heading -> heading.group(1).toLowerCase(Locale.ROOT).replaceAll("[^\\p{L}\\p{N}_ -]", "").strip().replace(' ', '-')).collect(Collectors.toSet());
    }
}
