package dev.ferry.node.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.node.sandbox.JobFolder;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GpuFile;
import dev.ferry.proto.v1.GpuFiles;
import dev.ferry.proto.v1.JobJournal;
import dev.ferry.proto.v1.JobSpec;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a job has mounted for its GPUs: what CRIU is told of it, what others are, and what lacks elsewhere. */
class GpuFilePlacesTest {
    private static final GpuFile LIBRARY = file("/usr/lib/libcuda.so.580", "/opt/driver/libcuda.so.580");
    private static final GpuFile NODE = file("/dev/nvidia3", "/dev/nvidia3");

    private static GpuFile file(String source, String destination) {
        return GpuFile.newBuilder().setSource(source).setDestination(destination).build();
    }

    private static GpuFiles needed(GpuFile... files) {
        return GpuFiles.newBuilder().addAllFiles(List.of(files)).build();
    }

    @Test
    void nodesThatAreMountsAreToldToCriuAsFilesAreAndMadeByRunc(@TempDir Path folder) throws Exception {
        RootPlan bare = RootPlan.of(JobSpec.newBuilder().setUid(1000).build(), new JobFolder(folder.resolve("job")), List.of());
        RootPlan plan = GpuFilePlaces.add(bare, List.of(LIBRARY, NODE));
        assertThat(plan.externals()).extracting(RootPlan.Bind::key).contains("ferry:opt:driver:libcuda.so.580", "ferry:dev:nvidia3");
        assertThat(plan.binds()).extracting(RootPlan.Bind::destination).contains(LIBRARY.getDestination()).doesNotContain(NODE.getDestination());
    }

    @Test
    void onlyWhatAJobHasAlreadyIsItsOwnElsewhere() {
        GpuFile more = file("/usr/lib/libmore.so", "/opt/driver/libmore.so");
        assertThat(GpuFilePlaces.mounted("node-2", needed(LIBRARY.toBuilder().clearSource().build()), List.of(more, LIBRARY))).containsExactly(LIBRARY);
        assertThatThrownBy(() -> GpuFilePlaces.mounted("node-2", needed(LIBRARY, NODE), List.of(more, file("/dev/nvidia0", "/dev/nvidia0"))))
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.NODE_INCOMPATIBLE))
                .hasMessageContainingAll("Node node-2", LIBRARY.getDestination() + " and 1 more", "Give the node the driver");
    }

    @Test
    void whereTheFilesLieOnANodeIsToldToNobody() {
        JobJournal record = JobJournal.newBuilder().addGpuFiles(LIBRARY).build();
        assertThat(GpuFilePlaces.known(record)).isEmpty();
        assertThat(GpuFilePlaces.known(record.toBuilder().setGpuFilesKnown(true).build())).contains(needed(LIBRARY.toBuilder().clearSource().build()));
    }
}
