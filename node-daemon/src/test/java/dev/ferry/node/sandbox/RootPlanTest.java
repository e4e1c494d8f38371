package dev.ferry.node.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Mount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RootPlanTest {
    @TempDir Path folder;

    private Path base;
    private Path outside;

    @BeforeEach
    void aBase() throws IOException {
        base = folder.toRealPath().resolve("base");
        outside = folder.toRealPath().resolve("outside");
        Files.createDirectories(base.resolve("data/in/base"));
        Files.createDirectories(base.resolve("usr/bin"));
        Files.createSymbolicLink(base.resolve("bin"), Path.of("usr/bin"));
        Files.createDirectories(outside.resolve("inner"));
    }

    private RootPlan plan(String... destinations) throws IOException {
        JobSpec.Builder spec = JobSpec.newBuilder().setRootfs(base.toString());
        for (String destination : destinations) {
            spec.addMounts(Mount.newBuilder().setSource(outside.toString()).setDestination(destination));
        }
        return RootPlan.of(spec.build(), new JobFolder(folder.resolve("job")), List.of());
    }

    private void refused(String message, String... destinations) {
        assertThatThrownBy(() -> plan(destinations)).isInstanceOf(FerryException.class).hasMessageContaining(message);
    }

    @Test
    void aMountHidesTheFolderOfTheBaseOfTheSameName() throws IOException {
        assertThat(plan("/data").binds()).contains(new RootPlan.Bind(outside, "/data", false)).extracting(RootPlan.Bind::destination).containsOnlyOnce("/data").contains("/usr");
    }

    @Test
    void aTopLevelFolderOfTheMachineThatIsHiddenIsAnEmptyOne() throws IOException {
        JobFolder job = new JobFolder(folder.resolve("job"));
        List<Path> hidden = List.of(Path.of("/usr/bin"), Path.of("/etc"));
        RootPlan plan = RootPlan.of(JobSpec.getDefaultInstance(), job, hidden);
        plan.makeSkeleton(job.root());
        RootPlan.Bind empty = plan.binds().stream().filter(bind -> bind.destination().equals("/etc")).findFirst().orElseThrow();
        assertThat(empty.source()).startsWith(job.path()).isEmptyDirectory();
        assertThat(empty.readOnly()).isTrue();
        assertThat(job.root().resolve("etc")).isEmptyDirectory();
        assertThat(plan.masks()).containsExactly("/usr/bin");
        JobSpec.Builder instead = JobSpec.newBuilder().addMounts(Mount.newBuilder().setSource(outside.toString()).setDestination("/etc"));
        assertThat(RootPlan.of(instead.build(), job, hidden).binds()).contains(new RootPlan.Bind(outside, "/etc", false));
    }

    /** Jobs and images from before the folder was hidden have mounts and masks in it. */
    @Test
    void whatIsMountedInAHiddenTopLevelFolderHasItsPlaceInTheEmptyOne() throws IOException {
        JobFolder job = new JobFolder(folder.resolve("job"));
        Path file = Files.createFile(outside.resolve("file"));
        JobSpec.Builder below = JobSpec.newBuilder().addMounts(Mount.newBuilder().setSource(outside.toString()).setDestination("/etc/no/folder")).addMounts(Mount.newBuilder().setSource(file.toString()).setDestination("/etc/no.conf"));
        below.addMounts(Mount.newBuilder().setSource(outside.toString()).setDestination("/etc/no/folder/inner"));
        RootPlan plan = RootPlan.of(below.build(), job, List.of(Path.of("/etc"), Path.of("/etc/ssl")));
        for (int life = 0; life < 2; life++) {
            plan.makeSkeleton(job.root());
            assertThat(job.hidden().resolve("etc/no/folder")).isEmptyDirectory();
            assertThat(job.hidden().resolve("etc/no.conf")).isEmptyFile();
            assertThat(job.hidden().resolve("etc/ssl")).isEmptyDirectory();
            assertThat(job.root().resolve("etc")).isEmptyDirectory();
        }
        assertThat(plan.masks()).containsExactly("/etc/ssl");
        below.addMounts(Mount.newBuilder().setSource(outside.toString()).setDestination("/etc/no/folder/none"));
        assertThatThrownBy(() -> RootPlan.of(below.build(), job, List.of(Path.of("/etc")))).isInstanceOf(FerryException.class).hasMessageContaining("/etc/no/folder/none does not exist in " + outside);
    }

    @Test
    void whatIsMountedInAMountComesAfterItAndNeedsItsPlaceThere() throws IOException {
        assertThat(plan("/data/inner", "/data").binds()).extracting(RootPlan.Bind::destination).containsSubsequence("/data", "/data/inner");
        refused("mount destination /data/in does not exist in " + outside + ", which is /data in the sandbox", "/data/in", "/data");
        refused("mount destination /usr/no does not exist in " + base.resolve("usr"), "/usr/no");
    }

    /** CRIU would not find such a mount again, and who compares what is mounted follows no symlinks. */
    @Test
    void noSymlinkLiesOnTheWayToADestination() throws IOException {
        Files.createDirectories(outside.resolve("real/in"));
        Files.createSymbolicLink(outside.resolve("link"), Path.of("real"));
        refused("mount destination /data/link/in: there is a symlink on the way to it", "/data", "/data/link/in");
        assertThat(plan("/data", "/data/real/in").binds()).extracting(RootPlan.Bind::destination).contains("/data/real/in");
    }

    @Test
    void placesInTheSandboxsOwnVolumesAndNewTopFoldersNeedNotBeThere() throws IOException {
        assertThat(plan("/tmp/cache", "/scratch/cache", "/new/folder", "/data/in/base").binds()).extracting(RootPlan.Bind::destination).contains("/tmp/cache", "/scratch/cache", "/new/folder", "/data/in/base");
    }

    @Test
    void filesThatComeWithGpusAreShownWhereThereIsAPlace() throws IOException {
        Files.createFile(base.resolve("usr/bin/nvidia-smi"));
        Path program = Files.createFile(outside.resolve("nvidia-smi"));
        Path secret = Files.createFile(outside.resolve("inner/secret"));
        RootPlan plan = plan("/tmp/cache");
        List<RootPlan.Bind> files =
                List.of(
                        new RootPlan.Bind(program, "/bin/nvidia-smi", true), new RootPlan.Bind(program, "/new/lib/nvidia-smi", true), new RootPlan.Bind(base.resolve("usr/bin/nvidia-smi"), "/usr/bin/nvidia-smi", true),
                        new RootPlan.Bind(program, "/usr/lib/none", true), new RootPlan.Bind(program, "/usr", true), new RootPlan.Bind(program, "/dev/nvidia-smi", true), new RootPlan.Bind(secret, "/new/secret", true),
                        new RootPlan.Bind(outside, "/usr/bin/nvidia-smi", true));
        // Of the machine's own file system the same file is shown already; a folder is nothing for a file's place.
        assertThat(plan.places(files, List.of(outside.resolve("inner"))))
                .containsExactly(Map.entry(files.get(0), new RootPlan.Bind(program, "/usr/bin/nvidia-smi", true)), Map.entry(files.get(1), files.get(1)));
    }

    @Test
    void whatIsTheSandboxsOwnIsNeverHidden() throws IOException {
        refused("is taken by the sandbox itself", "/proc/1");
        refused("is taken by the sandbox itself", "/.ferry/ctl");
        refused("is taken by the sandbox itself", "/tmp");
        // Said twice it is the same mount; two of one place are not.
        assertThat(plan("/new", "/new").binds()).extracting(RootPlan.Bind::destination).containsOnlyOnce("/new");
        JobSpec.Builder both = JobSpec.newBuilder().setRootfs(base.toString());
        for (Path source : List.of(outside, outside.resolve("inner"))) {
            both.addMounts(Mount.newBuilder().setSource(source.toString()).setDestination("/new"));
        }
        assertThatThrownBy(() -> RootPlan.of(both.build(), new JobFolder(folder.resolve("job")), List.of())).isInstanceOf(FerryException.class).hasMessageContaining("is asked for twice");
        refused("/bin is a symlink to usr/bin", "/bin/tools");
    }
}
