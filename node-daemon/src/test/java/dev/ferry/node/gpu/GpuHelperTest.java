package dev.ferry.node.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.ferry.common.FerryException;
import dev.ferry.node.standin.StandIn;
import dev.ferry.node.standin.StandInSpec;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GpuHelperTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    /** It may be within the driver's exit handlers, with its socket gone and its folder locked. */
    @Test
    void aHelperThatIsJustEndingIsWaitedFor(@TempDir Path folder) throws Exception {
        try (GpuHelper helper = new GpuHelper(folder, GpuConfig.defaults());
                FileChannel file = FileChannel.open(folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            FutureTask<HelperWords> asked = new FutureTask<>(() -> helper.ask("calls", Duration.ofSeconds(20)));
            try (FileLock ending = file.lock()) {
                assertThat(ending.isValid()).isTrue();
                Thread unused = Thread.ofPlatform().daemon().start(asked);
                assertThatThrownBy(() -> asked.get(200, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
            }
            assertThat(asked.get(20, TimeUnit.SECONDS).ok()).isTrue();
        } finally {
            GpuHelper.letEnd(folder);
        }
    }

    /** It would be the same at each try. */
    @ParameterizedTest
    @ValueSource(strings = {"lock", "calls"})
    void aFolderThatCantBeUsedIsSaidAtOnce(String name, @TempDir Path folder) throws Exception {
        Files.createDirectory(folder.resolve(name));
        try (GpuHelper helper = new GpuHelper(folder, GpuConfig.defaults())) {
            assertThatThrownBy(() -> helper.ask("calls", SOON))
                    .isInstanceOfSatisfying(FerryException.class, failed -> {
                        assertThat(failed).hasMessageContaining("ended with status 1 in");
                        assertThat(failed.detail().getEvidenceList()).containsExactly("ferry-gpu: can't open " + folder.resolve(name) + ": Is a directory");
                    });
        }
    }

    /** Its end in the middle of a call leaves a job that nobody knows the state of. */
    @Test
    void itIsNotWhatTheKernelKillsForWantOfMemory(@TempDir Path folder) throws Exception {
        Process may = new ProcessBuilder("sh", "-c", "echo -1000 >/proc/self/oom_score_adj").redirectErrorStream(true).start();
        // It takes CAP_SYS_RESOURCE: without it the helper works all the same, as any other process.
        String expected = may.waitFor() == 0 ? "-1000" : Files.readString(Path.of("/proc/self/oom_score_adj")).strip();
        try (GpuHelper helper = new GpuHelper(folder, GpuConfig.defaults())) {
            assertThat(helper.ask("calls", SOON).ok()).isTrue();
            String program = folder.resolve("ferry-gpu").toString();
            ProcessHandle process = ProcessHandle.allProcesses().filter(one -> one.info().command().filter(program::equals).isPresent()).findFirst().orElseThrow();
            assertThat(Path.of("/proc", Long.toString(process.pid()), "oom_score_adj")).hasContent(expected);
        } finally {
            GpuHelper.letEnd(folder);
        }
    }

    /** Its kernel takes the connection; it may be stopped, or of a machine that hangs. */
    @Test
    void aHelperThatDoesNotAnswerIsLeftToEndByItself(@TempDir Path folder) throws Exception {
        try (ServerSocketChannel deaf = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            ServerSocketChannel ignored = deaf.bind(UnixDomainSocketAddress.of(folder.resolve("socket")));
            assertTimeoutPreemptively(SOON, () -> GpuHelper.letEnd(folder));
        }
    }

    /** Requests come while it ends: each is answered, or begins nothing, or finds nobody; the next helper knows of none whose end was not written. */
    @Test
    void noHelperEndsWithACallInFlight(@TempDir Path folder) throws Exception {
        try (GpuHelper helper = new GpuHelper(folder, GpuConfig.defaults())) {
            for (int i = 0; i < 5; i++) {
                // The helper before may still be there, and end just now.
                await().atMost(SOON).ignoreExceptionsInstanceOf(GpuHelper.Gone.class).until(() -> helper.ask("calls", SOON).ok());
                GpuHelper.letEnd(folder);
                askOften(helper);
                await().atMost(SOON).ignoreExceptionsInstanceOf(GpuHelper.Gone.class).untilAsserted(() -> assertThat(helper.ask("calls", SOON).words()).as("calls whose end is not known").isEmpty());
            }
        } finally {
            GpuHelper.letEnd(folder);
        }
    }

    /** As where a driver hangs; the daemon would take the helper for one that can't be had. */
    @Test
    void aProgramThatDoesNotSayWhatItCanDoHoldsUpNobody(@TempDir Path folder) throws Exception {
        GpuConfig none = GpuConfig.defaults();
        Path program = folder.resolve("cuda-checkpoint");
        Files.writeString(program, "#!/bin/sh\nexec sleep 1000\n", StandardOpenOption.CREATE_NEW);
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
        GpuConfig hangs = new GpuConfig(folder.resolve("none").toString(), folder.resolve("none").toString(), program.toString(), "", none.lockTimeout(), none.callTimeout(), none.sampleEvery(), none.cdi());
        try (GpuHelper helper = new GpuHelper(folder, hangs)) {
            assertThat(helper.ask("calls", SOON).ok()).isTrue();
            assertThat(helper.ask("info", SOON).text("way")).isEqualTo("none");
            Files.writeString(program, "#!/bin/sh\necho --action\n");
            await().atMost(SOON).until(() -> helper.ask("info", SOON).text("way").equals("program"));
        } finally {
            GpuHelper.letEnd(folder);
        }
    }

    /** A helper that died has left them; so many can be in flight at a time. */
    @Test
    void everyCallWhoseEndIsNotWrittenIsInDoubt(@TempDir Path folder) throws Exception {
        Files.writeString(folder.resolve("calls"), IntStream.range(0, 256).mapToObj(i -> "begin n-" + i + " lock " + (1000 + i) + " 7\n").collect(Collectors.joining()) + "end n-3 0 0 \n");
        try (GpuHelper helper = new GpuHelper(folder, GpuConfig.defaults())) {
            List<HelperWords.Word> doubts = helper.ask("calls", SOON).words();
            assertThat(doubts).hasSize(255).contains(new HelperWords.Word("doubt", "1255:7:lock")).doesNotContain(new HelperWords.Word("doubt", "1003:7:lock"));
        } finally {
            GpuHelper.letEnd(folder);
        }
    }

    @Test
    void itsJournalIsNeverMuchLongerThanItsLimit(@TempDir Path folder) throws Exception {
        try (GpuHelper helper = new GpuHelper(folder, GpuConfig.defaults())) {
            assertThat(helper.ask("calls", SOON).ok()).isTrue();
            Path journal = folder.resolve("calls");
            Files.writeString(journal, "end n-0 0 0 \n".repeat(100_000), StandardOpenOption.APPEND);
            assertThat(helper.ask("state 1 0", SOON).refusal()).isEqualTo("gone");
            assertThat(journal).content().startsWith("begin ").contains(" state 1 0\nend ").hasLineCount(2);
        } finally {
            GpuHelper.letEnd(folder);
        }
    }

    /** For longer than a helper takes to see that it may end. */
    private static void askOften(GpuHelper helper) throws Exception {
        for (long end = System.nanoTime() + 500_000_000; System.nanoTime() < end;) {
            try {
                HelperWords words = helper.ask("state 1 0", SOON);
                assertThat(words.isEnding() || words.refusal().equals("gone")).as(words.refusal()).isTrue();
            } catch (GpuHelper.Gone gone) {
                // The next request finds another one.
                continue;
            }
        }
    }

    /** A library may take its time to begin, or hang; a job's calls come by the same connection. */
    @Test
    void aLibraryThatDoesNotBeginHoldsUpNoOtherRequest(@TempDir Path folder) throws Exception {
        try (StandIn cards = StandIn.start(folder.resolve("cards"), StandInSpec.parse("stand-in:1xL4"), "n");
                ExecutorService threads = Executors.newCachedThreadPool();
                GpuHelper helper = new GpuHelper(folder, cards.config())) {
            assertThat(cards.control("mute 1")).isEqualTo("ok\n");
            ExecutorCompletionService<HelperWords> asked = new ExecutorCompletionService<>(threads);
            for (int i = 0; i < 2; i++) {
                Future<HelperWords> unused = asked.submit(() -> helper.ask("info", SOON));
            }
            assertThat(asked.take().get().refusal()).startsWith("busy info");
            assertThat(helper.ask("calls", SOON).ok()).isTrue();
            assertThat(asked.poll()).as("NVML has not begun").isNull();
            assertThat(cards.control("mute 0")).isEqualTo("ok\n");
            assertThat(asked.take().get().text("driver")).isNotEmpty();
        } finally {
            GpuHelper.letEnd(folder);
        }
    }
}
