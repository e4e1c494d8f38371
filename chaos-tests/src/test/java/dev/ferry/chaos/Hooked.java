package dev.ferry.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * One program that is every hook of a cluster's nodes. It writes down each call, and does what the test has ordered for its event.
 *
 * @param folder of the program, its record and the orders
 */
record Hooked(Path folder) {
    private static final String PROGRAM =
            """
            cd "$(dirname "$0")"
            echo "$FERRY_OPERATION $FERRY_HOOK $FERRY_NODE $FERRY_OUTCOME" >> calls
            if [ -e "refuse-$FERRY_HOOK" ]; then echo not today; exit 75; fi
            if [ -e "hang-$FERRY_HOOK" ]; then exec sleep 600; fi
            """;

    static Hooked make(Path base) throws IOException {
        Path folder = Files.createDirectories(base.resolve("hooks"));
        Files.writeString(folder.resolve("hook.sh"), PROGRAM);
        return new Hooked(folder);
    }

    /** As it stands in a node's configuration. */
    String configuration() {
        return Stream.of("before-dump", "before-freeze", "after-freeze", "after-dump", "before-restore", "after-restore", "before-evacuation")
                .map(event -> "{event: " + event + ", exec: [/bin/sh, " + folder.resolve("hook.sh") + "], timeout: 60s, onFailure: " + (event.startsWith("before") && !event.endsWith("evacuation") ? "refuse" : "ignore") + "}")
                .collect(Collectors.joining(", ", "[", "]"));
    }

    /** The calls of an operation: event, node, outcome; those of evacuations, which are of none, by an empty name. */
    List<String> calls(String operation) {
        try {
            String begin = operation + " ";
            return Files.readAllLines(folder.resolve("calls")).stream().filter(line -> line.startsWith(begin)).map(line -> line.substring(begin.length())).toList();
        } catch (IOException none) {
            return List.of();
        }
    }

    /** Stands until it is closed. */
    interface Order extends AutoCloseable {
        @Override
        void close();
    }

    Order order(String what, String event) throws IOException {
        Path order = Files.createFile(folder.resolve(what + "-" + event));
        return () -> {
            try {
                Files.delete(order);
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
        };
    }
}
