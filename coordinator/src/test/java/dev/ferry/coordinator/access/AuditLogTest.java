package dev.ferry.coordinator.access;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.util.Timestamps;
import dev.ferry.proto.v1.AuditEntry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AuditLogTest {
    private static final long LARGE = 1 << 20;

    @TempDir Path folder;

    private static AuditEntry entry(int number, long at) {
        return AuditEntry.newBuilder().setAt(Timestamps.fromMillis(at)).setVerb("CancelJob").setTarget("j-" + number).setOutcome("OK").build();
    }

    private static List<AuditEntry> read(AuditLog log, long since) throws Exception {
        List<AuditEntry> entries = new ArrayList<>();
        log.read(since, entries::add);
        return entries;
    }

    @Test
    void whatIsWrittenIsReadAgainInItsOrderAfterARestart() throws Exception {
        try (AuditLog log = new AuditLog(folder, LARGE, 4)) {
            log.write(entry(1, 1000));
        }
        try (AuditLog log = new AuditLog(folder, LARGE, 4)) {
            log.write(entry(2, 2000));
            assertThat(read(log, 0)).containsExactly(entry(1, 1000), entry(2, 2000));
            assertThat(read(log, 1500)).containsExactly(entry(2, 2000));
        }
        Path file = folder.resolve("audit.jsonl");
        assertThat(Files.readAllLines(file)).first().asString().startsWith("{").contains("1970-01-01T00:00:01Z", "CancelJob");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file))).isEqualTo("rw-------");
    }

    @Test
    void aLineThatACrashCutOffSwallowsNoOther() throws Exception {
        try (AuditLog log = new AuditLog(folder, LARGE, 4)) {
            log.write(entry(1, 1000));
        }
        Files.writeString(folder.resolve("audit.jsonl"), "{\"at\": \"1970-01-01T00:0", StandardOpenOption.APPEND);
        try (AuditLog log = new AuditLog(folder, LARGE, 4)) {
            log.write(entry(2, 2000));
            assertThat(read(log, 0)).containsExactly(entry(1, 1000), entry(2, 2000));
        }
    }

    @Test
    void aLineThatACrashCutOffWithinACharacterLeavesTheOthersReadable() throws Exception {
        try (AuditLog log = new AuditLog(folder, LARGE, 4)) {
            log.write(entry(1, 1000));
        }
        Files.write(folder.resolve("audit.jsonl"), new byte[] {'{', '"', (byte) 0xc3}, StandardOpenOption.APPEND);
        try (AuditLog log = new AuditLog(folder, LARGE, 4)) {
            log.write(entry(2, 2000));
            assertThat(read(log, 0)).containsExactly(entry(1, 1000), entry(2, 2000));
        }
    }

    @Test
    void filesThatArePutAsideWhileItIsReadAreReadAllTheSame() throws Exception {
        try (AuditLog log = new AuditLog(folder, 200, 2)) {
            IntStream.range(0, 10).forEach(number -> log.write(entry(number, 1000L + number)));
            List<AuditEntry> before = read(log, 0);
            List<AuditEntry> meanwhile = new ArrayList<>();
            log.read(
                    0,
                    entry -> {
                        if (meanwhile.isEmpty()) {
                            IntStream.range(10, 30).forEach(number -> log.write(entry(number, 1000L + number)));
                        }
                        meanwhile.add(entry);
                    });
            assertThat(meanwhile).startsWith(before.toArray(AuditEntry[]::new));
        }
    }

    @Test
    void fullFilesArePutAsideAndTheOldestGo() throws Exception {
        try (AuditLog log = new AuditLog(folder, 200, 2)) {
            IntStream.range(0, 20).forEach(number -> log.write(entry(number, 1000L + number)));
            List<AuditEntry> left = read(log, 0);
            assertThat(left).hasSizeBetween(5, 12).last().isEqualTo(entry(19, 1019));
            assertThat(left).isEqualTo(IntStream.range(20 - left.size(), 20).mapToObj(number -> entry(number, 1000L + number)).toList());
        }
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files.map(file -> file.getFileName().toString())).hasSize(3).contains("audit.jsonl");
        }
    }

    @Test
    void entriesOfManyThreadsAreAllThere() throws Exception {
        try (AuditLog log = new AuditLog(folder, LARGE, 4)) {
            try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
                IntStream.range(0, 200)
                        .forEach(
                                number -> {
                                    var unused = threads.submit(() -> log.write(entry(number, 1000)));
                                });
            }
            assertThat(read(log, 0)).containsExactlyInAnyOrderElementsOf(IntStream.range(0, 200).mapToObj(number -> entry(number, 1000)).toList());
        }
    }
}
