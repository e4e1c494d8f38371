package dev.ferry.cli.slurm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What wasn't recorded, from what was: the case with twelve jobs on one node with 16 CPUs, 16000 MiB and 8 GPUs, changed, and computed by hand. */
class CasePriorityTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final List<String> RESULTS = List.of("sshare", "priority_log", "sprio_l", "sprio_normalised", "sprio_weights", "squeue");
    private static final String NODE = "NodeName=vm CPUs=16 RealMemory=16000 Gres=gpu:8";

    @TempDir Path folder;

    private CasePriority changed(Consumer<ObjectNode> change) throws IOException {
        ObjectNode root = (ObjectNode) JSON.readTree(Path.of(Objects.requireNonNull(CasePriorityTest.class.getResource("/slurm/03-classic.json")).getPath()).toFile());
        change.accept(root);
        Path path = folder.resolve("changed.json");
        Files.writeString(path, root.toString());
        CaseFile file = CaseFile.read(path);
        return new CasePriority(file, new CaseTree(file, null));
    }

    private static void config(ObjectNode root, String key, String value) {
        ((ObjectNode) root.get("config")).put(key, value);
    }

    private static void job(ObjectNode root, int id, String from, String to) {
        ObjectNode jobs = (ObjectNode) root.get("jobs");
        String line = jobs.get(Integer.toString(id)).asText();
        assertThat(line).contains(from);
        jobs.put(Integer.toString(id), line.replace(from, to));
    }

    /** Without what was printed, and with the node. */
    private static void withNode(ObjectNode root) {
        root.remove(RESULTS);
        root.putArray("nodes").add(NODE);
    }

    private static Map<String, String> row(Rows rows, int job) {
        return rows.rows().stream().filter(row -> row.get("JOBID").equals(Integer.toString(job))).findFirst().orElseThrow();
    }

    @Test
    void whatHasNoWeightNeedNotBeKnown() throws IOException {
        CasePriority priorities = changed(root -> {
            root.remove(RESULTS);
            root.remove("tick_line");
            for (String factor : List.of("Age", "JobSize", "Partition")) {
                config(root, "PriorityWeight" + factor, "0");
            }
            config(root, "PriorityWeightTRES", "CPU=0,Mem=0");
        });
        assertThat(row(priorities.sprio(), 11)).containsEntry("AGE", "0").containsEntry("JOBSIZE", "0").containsEntry("PARTITION", "0").containsEntry("TRES", "").containsEntry("QOS", "1600").containsEntry("PRIORITY", "30041");
        assertThat(row(priorities.normalized(), 11)).containsEntry("AGE", "0.0000000").containsEntry("JOBSIZE", "0.0000000").containsEntry("PARTITION", "0.0000000").containsEntry("QOS", "0.4000000");
    }

    @Test
    void findsTheCpusInJobSizesIfResourcesHaveNoWeight() throws IOException {
        CasePriority priorities = changed(root -> {
            config(root, "PriorityWeightTRES", "(null)");
            ArrayNode lines = root.withArray("sprio_normalised");
            List<String> shorter = new ArrayList<>();
            lines.forEach(line -> shorter.add(line.asText().replaceFirst("cpu=.*", "")));
            root.remove(List.of("priority_log", "sprio_l"));
            lines.removeAll();
            shorter.forEach(lines::add);
        });
        assertThat(row(priorities.sprio(), 15)).containsEntry("JOBSIZE", "1500").containsEntry("TRES", "");
        assertThat(row(priorities.sprio(), 19)).containsEntry("JOBSIZE", "1312");
    }

    @Test
    void favoursSmallJobsAndShortOnes() throws IOException {
        CasePriority small = changed(root -> {
            withNode(root);
            config(root, "PriorityFavorSmall", "Yes");
        });
        // 2 of 16 CPUs, one of one node: (0 + 14/16) / 2.
        assertThat(row(small.sprio(), 11)).containsEntry("JOBSIZE", "875");
        CasePriority relative = changed(root -> {
            withNode(root);
            config(root, "PriorityFlags", "SMALL_RELATIVE_TO_TIME,NO_FAIR_TREE");
        });
        // All of the node's CPUs, as there is one node, for each of 60 minutes.
        assertThat(row(relative.sprio(), 11)).containsEntry("JOBSIZE", "33");
        assertThat(row(relative.sprio(), 12)).containsEntry("JOBSIZE", "67");
        assertThat(row(relative.sprio(), 20)).containsEntry("JOBSIZE", "0");
        CasePriority recorded = changed(root -> {
            root.remove(List.of("priority_log", "sprio_normalised", "sprio_l"));
            config(root, "PriorityFlags", "SMALL_RELATIVE_TO_TIME,NO_FAIR_TREE");
            config(root, "PriorityWeightTRES", "");
            root.putArray("sprio_normalised").add("11 w1000 alice 0.00000772 0.0358333 0.0000000 0.2844169 0.0166667 0.6250000 0.4000000").add("22 w1 bob 0.0 0.0 0.0 0.0 0.1000000 0.2500000 0.0000000");
        });
        assertThat(row(recorded.sprio(), 12)).containsEntry("JOBSIZE", "67");
    }

    @Test
    void theNumbersThemselvesCountWithNoNormal() throws IOException {
        CasePriority all = changed(root -> {
            withNode(root);
            config(root, "PriorityFlags", "NO_FAIR_TREE,NO_NORMAL_ALL");
        });
        assertThat(row(all.sprio(), 11)).containsEntry("PARTITION", "75000").containsEntry("QOS", "160000").containsEntry("TRES", "cpu=1400,mem=60000");
        // scontrol writes NO_NORMAL_ALL whichever of the four is set; what was recorded tells which.
        CasePriority one = changed(root -> {
            root.remove(List.of("priority_log", "sprio_l", "sprio_normalised"));
            config(root, "PriorityFlags", "NO_FAIR_TREE,NO_NORMAL_ALL");
            root.putArray("sprio_normalised").add("11 w1000 alice 0.0 0.0358333 0.0000000 0.2844169 0.5625000 0.6250000 40.0000000 cpu=0.12,mem=0.01").add("12 w37000 bob 0.0 0.0 0.0 0.0 1.0000000 1.0000000 100.0000000 cpu=1.00,mem=0.10");
            root.putObject("cluster").put("nodes", 1).put("tres", "cpu=16,mem=16000M,gres/gpu=8");
        });
        assertThat(row(one.sprio(), 11)).containsEntry("PARTITION", "1875").containsEntry("QOS", "160000").containsEntry("TRES", "cpu=88,mem=4");
    }

    @Test
    void aJobOfSeveralPartitionsHasARowForEach() throws IOException {
        CasePriority priorities = changed(root -> {
            withNode(root);
            job(root, 11, "Partition=w1000 ", "Partition=w1,big,w1000 ");
            root.putArray("partitions").add("PartitionName=DEFAULT PriorityJobFactor=25").add("PartitionName=w1 PriorityJobFactor=10").add("PartitionName=w1000").add("PartitionName=w37000 PriorityJobFactor=40").add("PartitionName=big Priority=50");
        });
        assertThat(priorities.sprio().rows()).filteredOn(row -> row.get("JOBID").equals("11")).extracting(row -> row.get("PARTITION_NAME") + " " + row.get("PARTITION")).containsExactly("big 3000", "w1 600", "w1000 1500");
        assertThat(priorities.sprio().rows()).hasSize(14);
    }

    @Test
    void listsWhatMayRunNow() throws IOException {
        Consumer<ObjectNode> early = root -> {
            withNode(root);
            job(root, 11, "EligibleTime=2026-11-23T14:08:05 AccrueTime=2026-11-23T14:08:05", "EligibleTime=Unknown AccrueTime=Unknown");
            job(root, 12, "EligibleTime=2026-11-23T14:08:05 AccrueTime=2026-11-23T14:08:05", "EligibleTime=2026-11-23T18:00:00 AccrueTime=Unknown");
            job(root, 13, "Priority=29072", "Priority=0");
            job(root, 14, "JobState=PENDING", "JobState=RUNNING");
        };
        assertThat(changed(early).sprio().rows()).extracting(row -> row.get("JOBID")).containsExactly("15", "16", "17", "18", "19", "20", "21", "22");
        assertThat(changed(early.andThen(root -> config(root, "PriorityFlags", "ACCRUE_ALWAYS,CALCULATE_RUNNING,NO_FAIR_TREE"))).sprio().rows()).hasSize(11);
    }

    @Test
    void sprioAddsUpWithoutAHighestAndTakesJobsWithoutQosOrTimeLimit() throws IOException {
        CasePriority priorities = changed(root -> {
            withNode(root);
            job(root, 20, "Nice=0", "Nice=-2147483000");
            config(root, "PriorityWeightFairShare", "4000000000");
            job(root, 11, "QOS=normal", "QOS=(null)");
            job(root, 11, "TimeLimit=01:00:00", "TimeLimit=");
            job(root, 12, "Nice=0", "Nice=2147480000");
        });
        assertThat(row(priorities.sprio(), 20)).containsEntry("PRIORITY", "6147486493").containsEntry("NICE", "-2147483000");
        assertThat(row(priorities.normalized(), 20)).containsEntry("PRIORITY", "1.43132323");
        assertThat(row(priorities.sprio(), 11)).containsEntry("QOS", "0");
        assertThat(row(priorities.sprio(), 12)).containsEntry("PRIORITY", "1");
    }

    @Test
    void countsNodesAndWhatTheyHave() throws IOException {
        CasePriority priorities = changed(root -> {
            root.remove(RESULTS);
            root.putArray("nodes").add("NodeName=n[01-03] Sockets=2 CoresPerSocket=4 RealMemory=4000 Gres=gpu:h100:2").add("NodeName=x CfgTRES=cpu=8,mem=4000M,billing=8,gres/gpu=2");
        });
        // 4 nodes, 32 CPUs, 16000 MiB, 8 GPUs.
        assertThat(row(priorities.sprio(), 13)).containsEntry("JOBSIZE", "375").containsEntry("TRES", "cpu=88,mem=150,gres/gpu=2500");
    }

    @Test
    void whatIsWrongIsNamedWithItsPlace() throws IOException {
        assertWrong(root -> job(root, 11, "TRES=cpu=2", "TRES=cpu=x"), "job 11", "'cpu=x'");
        assertWrong(root -> job(root, 11, "TimeLimit=01:00:00", "TimeLimit=1h"), "job 11's TimeLimit", "'1h'");
        assertWrong(root -> job(root, 11, "SubmitTime=2026-11-23T14:08:05", "SubmitTime=2026-11-33"), "job 11's SubmitTime", "'2026-11-33'");
        assertWrong(root -> job(root, 11, "Nice=0", "Nice=much"), "job 11's Nice", "'much'");
        assertWrong(root -> job(root, 11, "Partition=w1000", "Partition=w9"), "job 11", "'w9'", "w37000");
        assertWrong(root -> root.put("associations", "many"), "'associations'", "array");
        assertWrong(root -> ((ObjectNode) root.get("associations").get(3)).remove("Account"), "association number 4", "'Account'");
        assertWrong(root -> ((ObjectNode) root.get("associations").get(3)).put("ID", "5"), "Id 5 is there twice");
        assertWrong(root -> root.put("partitions", 3), "'partitions'", "array");
        assertWrong(root -> root.put("jobs", "none"), "'jobs'", "array");
        assertWrong(root -> config(root, "PriorityWeightTRES", "CPU:7"), "PriorityWeightTRES", "'CPU:7'");
        assertWrong(root -> ((ObjectNode) root.get("leaf_usage_state_file").get("rows").get(1)).put("usage_raw", "1e999999999"), "association 13", "1e999999999");
        assertWrong(root -> root.putObject("cluster").put("tres", "cpu=0"), "cluster", "cpu=0");
        assertWrong(root -> {
            root.remove(RESULTS);
            root.putArray("nodes").add("NodeName=n[a-b] CPUs=4");
        }, "n[a-b]");
    }

    private void assertWrong(Consumer<ObjectNode> change, String... named) {
        assertThatThrownBy(() -> changed(change).sprio()).hasMessageContaining("changed.json").satisfies(failure -> assertThat(failure.getMessage()).contains(named));
    }

    @Test
    void readsSpansAsSlurmDoes() {
        Map.of("7-00:00:00", 604_800L, "7-12", 648_000L, "7-12:30", 649_800L, "01:00:00", 3600L, "30:15", 1815L, "30", 1800L).forEach((text, seconds) -> assertThat(SlurmText.span(text, "here")).isEqualTo(seconds));
        assertThatThrownBy(() -> SlurmText.span("soon", "here")).hasMessageContaining("here").hasMessageContaining("'soon'");
    }

    @Test
    void jobsMayBeAList() throws IOException {
        CasePriority priorities = changed(root -> {
            JsonNode line = root.get("jobs").get("11");
            root.putArray("jobs").add(line);
            withNode(root);
        });
        assertThat(priorities.sprio().rows()).singleElement().satisfies(row -> assertThat(row).containsEntry("PRIORITY", "33168"));
    }
}
