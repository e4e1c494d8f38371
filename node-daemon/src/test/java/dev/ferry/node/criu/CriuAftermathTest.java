package dev.ferry.node.criu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.sandbox.JobFolder;
import dev.ferry.node.sandbox.JobProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is tidied up after a criu, with a ferry-network that only writes down how it is called. */
class CriuAftermathTest {
    @TempDir Path folder;
    private JobFolder job;
    private Path run;
    private JobProcess first;

    @BeforeEach
    void aRunThatDropsPackets() throws Exception {
        job = new JobFolder(folder.resolve("job"));
        run = Files.createDirectories(job.criu("dump-1"));
        Files.createFile(run.resolve("locked"));
        first = JobProcess.of((int) ProcessHandle.current().pid());
    }

    private void network(int status) throws IOException {
        Path helper = Files.writeString(run.resolve("ferry-network"), "#!/bin/sh\necho \"$@\" >>\"${0%/*}/called\"\nexit " + status + "\n");
        Files.setPosixFilePermissions(helper, PosixFilePermissions.fromString("rwx------"));
    }

    @Test
    void packetsThatCouldNotPassAreLetPassLater() throws Exception {
        network(1);
        assertThatThrownBy(() -> CriuAftermath.letPacketsPass(job, first)).isInstanceOf(IOException.class).hasMessageContaining("may still be dropped");
        assertThat(CriuAftermath.dropsPackets(run)).isTrue();
        network(0);
        CriuAftermath.letPacketsPass(job, first);
        assertThat(CriuAftermath.dropsPackets(run)).isFalse();
        CriuAftermath.letPacketsPass(job, first);
        assertThat(run.resolve("called")).hasContent("unlock " + first.pid() + "\nunlock " + first.pid());
    }

    @Test
    void aJobThatEndedIsCutOffFromNothing() throws Exception {
        network(0);
        CriuAftermath.letPacketsPass(job, JobProcess.ended(first.pid()));
        CriuAftermath.letPacketsPass(new JobFolder(folder.resolve("absent")), first);
        assertThat(run.resolve("called")).doesNotExist();
    }

    /** The control group is a plain folder: the kernel never says that it is frozen. */
    @Test
    void aStepThatFailsKeepsNoOtherFromBeingDone() throws Exception {
        network(0);
        Path unified = Files.createDirectories(folder.resolve("unified"));
        Files.createDirectories(unified.resolve("ferry"));
        JobCgroup group = new JobCgroup(new CgroupLayout(Optional.of(unified), Map.of()), "ferry");
        assertThatThrownBy(() -> CriuAftermath.clean(run, group, first)).isInstanceOf(IOException.class).hasMessageContaining("did not freeze");
        assertThat(CriuAftermath.dropsPackets(run)).isFalse();
    }
}
