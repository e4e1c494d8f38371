package dev.ferry.node.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Mount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MountListTest {
    @Test
    void whatIsFoundWrongIsSaidInWordsOfOnesOwn() {
        for (String line : List.of("Error (ferry-mounts): the mount /a b is not what was judged", "level=error msg=\"runc run failed: stderr: Error (ferry-mounts): the mount /a b is not what was judged\\n: unknown\"")) {
            assertThat(MountList.refusal(List.of("something", line)))
                    .hasValueSatisfying(refused -> assertThat(refused).hasMessageContaining("for the mount /a b is not what was judged: its source"))
                    .map(FerryException::code)
                    .contains(ErrorCode.MOUNT_REFUSED);
        }
        assertThat(MountList.refusal(List.of("Error (criu/mount.c:1): no"))).isEmpty();
    }

    @Test
    void whatIsCoveredIsNotCompared(@TempDir Path folder) throws IOException {
        Path seen = Files.createDirectory(folder.toRealPath().resolve("seen"));
        Path covered = Files.createDirectory(folder.toRealPath().resolve("covered"));
        JobSpec spec = JobSpec.newBuilder().addMounts(mount(seen, "/s")).addMounts(mount(covered, "/c")).build();
        RootPlan plan = RootPlan.of(spec, new JobFolder(folder.resolve("job")), List.of());
        Path list = MountList.write(folder, plan, List.of(covered)).orElseThrow();
        assertThat(list).hasContent(Files.getAttribute(seen, "unix:dev") + " " + Files.getAttribute(seen, "unix:ino") + " /s\0");
        assertThat(MountList.write(folder, plan, List.of(covered, seen))).isEmpty();
    }

    private static Mount mount(Path source, String destination) {
        return Mount.newBuilder().setSource(source.toString()).setDestination(destination).build();
    }
}
