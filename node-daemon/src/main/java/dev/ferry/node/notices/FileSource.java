package dev.ferry.node.notices;

import com.fasterxml.jackson.databind.JsonNode;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.node.notices.Announcement.Deadline;
import dev.ferry.proto.v1.NoticeKind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;

/**
 * A file that announces by its being there, for whoever can write one: a hook of the system, a sidecar, a script. Empty: the
 * machine goes away soon. Else {"kind": "final" | "advisory" | "maintenance", "deadline": "90s" | "2030-01-02T03:04:05Z", "reason": "..."},
 * each of which may be left out. Its removal takes the word back.
 */
final class FileSource implements NoticeSource {
    private static final Duration DEFAULT_NOTICE = Duration.ofSeconds(120);
    private static final Duration LOOK = Duration.ofMillis(500);
    /** An empty file that is younger may be one that is being written. */
    private static final Duration BEING_WRITTEN = Duration.ofMillis(300);
    private static final long MOST_BYTES = 64 << 10;

    private final Path file;

    FileSource(Path file) {
        this.file = file;
    }

    @Override
    public String name() {
        return "file";
    }

    @Override
    public List<Announcement> look() throws IOException {
        try {
            long written = Files.getLastModifiedTime(file).toMillis();
            if (Files.size(file) == 0 && System.currentTimeMillis() - written < BEING_WRITTEN.toMillis()) {
                return List.of();
            }
            String event = Long.toString(written);
            if (Files.size(file) > MOST_BYTES) {
                throw new Garbage("the file " + file, "it is too large for a notice");
            }
            return List.of(read(file.toString(), Files.readString(file), event));
        } catch (NoSuchFileException nothing) {
            return List.of();
        }
    }

    static Announcement read(String name, String text, String event) throws Garbage {
        if (text.isBlank()) {
            return new Announcement(event, NoticeKind.FINAL, new Deadline.After(DEFAULT_NOTICE), 1, "the file " + name + " is there");
        }
        JsonNode document = Documents.json("the file " + name, text);
        if (!document.isObject()) {
            throw new Garbage("the file " + name, text);
        }
        NoticeKind kind =
                switch (document.path("kind").asText("final").toLowerCase(Locale.ROOT)) {
                    case "final" -> NoticeKind.FINAL;
                    case "advisory" -> NoticeKind.ADVISORY;
                    case "maintenance" -> NoticeKind.MAINTENANCE;
                    default -> throw new Garbage("the file " + name + " (its 'kind')", text);
                };
        return new Announcement(event, kind, deadline(name, document, kind), 1, document.path("reason").asText("the file " + name + " is there"));
    }

    private static Deadline deadline(String name, JsonNode document, NoticeKind kind) throws Garbage {
        if (!document.has("deadline")) {
            return kind == NoticeKind.ADVISORY ? new Deadline.Unknown() : new Deadline.After(DEFAULT_NOTICE);
        }
        String text = document.path("deadline").asText();
        try {
            return new Deadline.After(Durations.parse(text));
        } catch (FerryException noDuration) {
            return new Deadline.At(Documents.isoTime("the file " + name + " (its 'deadline')", text));
        }
    }

    @Override
    public Duration pause() {
        return LOOK;
    }

    @Override
    public int looksUntilGone() {
        return 1;
    }
}
