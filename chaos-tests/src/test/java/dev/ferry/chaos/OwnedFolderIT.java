package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.cli.Client;
import dev.ferry.cli.chaos.OwnedFolder;
import dev.ferry.cli.cluster.LocalCluster;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.RunJobRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A chaos run that was killed has left all of its cluster; the next one removes it. */
class OwnedFolderIT {
    private static final String PREFIX = "ferry-chaos-";

    @TempDir Path folder;
    private final ByteArrayOutputStream said = new ByteArrayOutputStream();

    private OwnedFolder make() throws Exception {
        return OwnedFolder.make(folder, PREFIX, new PrintStream(said, true, StandardCharsets.UTF_8));
    }

    /** As if the process that works there had been killed. */
    private static void kill(Path owned) throws Exception {
        Process ended = new ProcessBuilder("sleep", "60").start();
        JobProcess owner = JobProcess.of((int) ended.pid());
        ended.destroyForcibly().waitFor();
        Files.writeString(owned.resolve("owner"), owner.pid() + " " + owner.startTime() + " " + owner.bootId() + " " + Files.readSymbolicLink(Path.of("/proc/self/ns/pid")));
    }

    private static void must(String... command) throws Exception {
        assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
    }

    private static List<String> processesOf(Path folder) {
        return ProcessHandle.allProcesses().map(process -> words(process.pid())).filter(words -> words.contains(folder + "/")).toList();
    }

    private static String words(long pid) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(pid), "cmdline"), StandardCharsets.ISO_8859_1).replace('\0', ' ');
        } catch (IOException gone) {
            return "";
        }
    }

    /** The control groups and network namespaces of a cluster; other tests have theirs at the same time. */
    private static List<String> kernel(LocalCluster cluster) throws IOException {
        String own = cluster.nodeGroup(1).split("/", 2)[0];
        List<String> found = new ArrayList<>();
        for (Path folder : List.of(Path.of("/sys/fs/cgroup"), Path.of("/run/netns"))) {
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
                for (Path entry : entries) {
                    if (entry.getFileName().toString().startsWith(own) || Files.isDirectory(entry.resolve(own))) {
                        found.add(entry.toString());
                    }
                }
            }
        }
        return found;
    }

    @Test
    void whatARunLeftThatWasKilledIsRemovedByTheNext() throws Exception {
        OwnedFolder killed = make();
        LocalCluster cluster = LocalCluster.start(LocalCluster.Plan.of(killed.path().resolve("cluster"), 2));
        try {
            try (Client client = new Client(cluster.server())) {
                RunJobRequest request = RunJobRequest.newBuilder().setSpec(JobSpec.newBuilder().setName("left").addCommand("/bin/sleep").addCommand("600")).build();
                Job job = client.ask(stub -> stub.runJob(request));
                await().atMost(Duration.ofSeconds(30)).until(() -> !cluster.jobProcesses(1, job.getId()).isEmpty() || !cluster.jobProcesses(2, job.getId()).isEmpty());
            }
            assertThat(kernel(cluster)).isNotEmpty();
            // In the middle of a fault of the store.
            Files.createDirectories(cluster.storeFolder());
            must("mount", "--bind", cluster.storeFolder().toString(), cluster.storeFolder().toString());
            must("mount", "-o", "remount,bind,ro", cluster.storeFolder().toString());
            kill(killed.path());

            try (OwnedFolder next = make()) {
                assertThat(next.path()).isDirectory().isNotEqualTo(killed.path());
                assertThat(killed.path()).doesNotExist();
                assertThat(said.toString(StandardCharsets.UTF_8)).contains(killed.path().toString());
                assertThat(processesOf(killed.path())).isEmpty();
                assertThat(kernel(cluster)).isEmpty();
            }
        } finally {
            // Whatever is left of it when the test fails.
            cluster.close();
        }
    }

    @Test
    void whatHasAnOwnerOrWasLeftToBeReadStays() throws Exception {
        try (OwnedFolder running = make();
                OwnedFolder other = make()) {
            assertThat(running.path()).isDirectory();
            Path read = Files.createDirectory(folder.resolve(PREFIX + "read"));
            Path foreign = Files.createDirectory(folder.resolve(PREFIX + "foreign"));
            kill(foreign);
            Files.setAttribute(foreign, "unix:uid", 1234);
            other.close();
            try (OwnedFolder next = make()) {
                assertThat(List.of(running.path(), other.path(), read, foreign, next.path())).allSatisfy(one -> assertThat(one).isDirectory());
            }
        }
        assertThat(said.toString(StandardCharsets.UTF_8)).isEmpty();
    }
}
