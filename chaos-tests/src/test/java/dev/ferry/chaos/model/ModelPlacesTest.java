package dev.ferry.chaos.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The model names the place in the code of each of its transitions; a place that is gone means that the model is of another Ferry. */
class ModelPlacesTest {
    private static final Path ROOT = Path.of("..");
    private static final List<Path> SOURCES = List.of(ROOT.resolve("coordinator/src/main"), ROOT.resolve("node-daemon/src/main"), ROOT.resolve("storage/src/main"));
    private static final Pattern COMMENT = Pattern.compile("/\\* @ (.*?)(?::\\s|\\*/)", Pattern.DOTALL);
    private static final Pattern PLACE = Pattern.compile("([A-Z]\\w*)\\.(\\w+)|([\\w-]+\\.c):(\\w+)");
    /** A transition: an alternative of a process's outermost loop. */
    private static final Pattern TRANSITION = Pattern.compile("    :: atomic \\{.*");

    private static List<Path> models() throws IOException {
        try (Stream<Path> files = Files.list(ModelChecker.sources())) {
            return files.sorted().toList();
        }
    }

    private static Map<String, List<Path>> files() throws IOException {
        List<Path> all = new ArrayList<>();
        for (Path source : SOURCES) {
            try (Stream<Path> files = Files.walk(source)) {
                files.filter(Files::isRegularFile).forEach(all::add);
            }
        }
        return all.stream().collect(Collectors.groupingBy(file -> file.getFileName().toString()));
    }

    @Test
    void eachPlaceThatTheModelNamesIsThere() throws IOException {
        Map<String, List<Path>> files = files();
        TreeSet<String> missing = new TreeSet<>();
        int places = 0;
        for (Path model : models()) {
            Matcher comment = COMMENT.matcher(Files.readString(model));
            while (comment.find()) {
                for (String named : comment.group(1).trim().split(",\\s*")) {
                    Matcher place = PLACE.matcher(named);
                    assertThat(place.matches()).as("%s: '%s' is not a place", model.getFileName(), named).isTrue();
                    boolean java = place.group(1) != null;
                    String file = java ? place.group(1) + ".java" : place.group(3);
                    if (!declares(files.getOrDefault(file, List.of()), java ? place.group(2) : place.group(4))) {
                        missing.add(model.getFileName() + ": " + named);
                    }
                    places++;
                }
            }
        }
        assertThat(missing).as("places that the code does not have (any more)").isEmpty();
        assertThat(places).isGreaterThan(60);
    }

    /** A method or constructor, at the indent of a class's members: a call does not count. */
    private static boolean declares(List<Path> files, String method) throws IOException {
        Pattern declaration = Pattern.compile("^(?:    )?(?:[\\w<>\\[\\].,?@ ]+ )?\\*?" + Pattern.quote(method) + "\\((?:[^;{}]*)\\)[^;{}()]*[{;]", Pattern.MULTILINE);
        for (Path file : files) {
            if (declaration.matcher(Files.readString(file).replaceAll("\n(?=\\{)", " ")).find()) {
                return true;
            }
        }
        return false;
    }

    @Test
    void eachTransitionNamesItsPlace() throws IOException {
        List<String> without = new ArrayList<>();
        int transitions = 0;
        for (Path model : models()) {
            List<String> lines = Files.readAllLines(model);
            boolean properties = false;
            for (int i = 1; i < lines.size(); i++) {
                properties = lines.get(i).startsWith("proctype Properties") || (properties && !lines.get(i).startsWith("}"));
                if (properties || !TRANSITION.matcher(lines.get(i)).matches()) {
                    continue;
                }
                transitions++;
                int begin = i - 1;
                while (begin > 0 && !lines.get(begin).contains("/*") && lines.get(begin).startsWith("     *")) {
                    begin--;
                }
                boolean planted = lines.get(begin).contains("Planted: ") || lines.get(begin).startsWith("    :: atomic { counted");
                if (!planted && !lines.get(begin).contains("/* @ ")) {
                    without.add(model.getFileName() + ":" + (i + 1));
                }
            }
        }
        assertThat(without).as("transitions without a place").isEmpty();
        assertThat(transitions).isGreaterThan(40);
    }
}
