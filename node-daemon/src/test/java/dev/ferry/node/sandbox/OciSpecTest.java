package dev.ferry.node.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.ferry.proto.v1.JobSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OciSpecTest {
    @TempDir Path folder;

    /** By /proc/scsi/scsi the node's disk could be taken away. */
    @Test
    void whatOfProcChangesTheMachineIsReadOnly() throws IOException {
        JobSpec spec = JobSpec.getDefaultInstance();
        JobFolder job = new JobFolder(folder.resolve("job"));
        byte[] written = OciSpec.toJson(spec, RootPlan.of(spec, job, List.of()), job, "group", List.of(), Map.of());
        JsonNode readOnly = new ObjectMapper().readTree(written).path("linux").path("readonlyPaths");
        assertThat(readOnly).extracting(JsonNode::asText).contains("/proc/acpi", "/proc/scsi", "/proc/sys");
    }
}
