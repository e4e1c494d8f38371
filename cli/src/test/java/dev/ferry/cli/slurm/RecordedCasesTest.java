package dev.ferry.cli.slurm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.ferry.common.FerryException;
import dev.ferry.scheduling.fairshare.Ties;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every figure that a real Slurm 22.05 printed, to its last digit. */
class RecordedCasesTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir Path folder;

    private static Path path(String name) {
        return Path.of(Objects.requireNonNull(RecordedCasesTest.class.getResource("/slurm/" + name)).getPath());
    }

    private static JsonNode json(String name) throws IOException {
        return JSON.readTree(path(name).toFile());
    }

    private static CaseTree tree(String name) {
        return new CaseTree(CaseFile.read(path(name)), null);
    }

    private CaseFile changed(String name, Consumer<ObjectNode> change) throws IOException {
        ObjectNode root = (ObjectNode) json(name);
        change.accept(root);
        Path file = folder.resolve("changed.json");
        Files.writeString(file, root.toString());
        return CaseFile.read(file);
    }

    @Test
    void printsTheTableOfFairTree() throws IOException {
        assertThat(tree("01-fairtree-real-jobs.json").sshare().rows()).isEqualTo(JSON.convertValue(json("01-fairtree-real-jobs.json").get("sshare"), new TypeReference<List<Map<String, String>>>() {}));
    }

    @Test
    void aHalfLifeThatWasChangedSinceCostsNoDigits() throws IOException {
        for (String halfLife : List.of("14-00:00:00", "00:00:00")) {
            CaseFile file = changed("01-fairtree-real-jobs.json", root -> ((ObjectNode) root.get("config")).put("PriorityDecayHalfLife", halfLife));
            assertThat(new CaseTree(file, null).sshare().rows()).isEqualTo(JSON.convertValue(json("01-fairtree-real-jobs.json").get("sshare"), new TypeReference<List<Map<String, String>>>() {}));
        }
    }

    @Test
    void printsTheTableOfClassicFairshare() throws IOException {
        assertThat(tree("03-classic.json").sshare().rows()).isEqualTo(JSON.convertValue(json("03-classic.json").get("sshare"), new TypeReference<List<Map<String, String>>>() {}));
    }

    private static List<List<String>> recorded(String name, String key) throws IOException {
        List<List<String>> rows = new ArrayList<>();
        for (JsonNode line : json(name).get(key)) {
            if (Character.isDigit(line.asText().trim().charAt(0))) {
                rows.add(List.of(line.asText().trim().split("\\s+")));
            }
        }
        return rows;
    }

    /** What is printed, without columns that are cut where Slurm has no room. */
    private static void assertLines(Rows actual, List<List<String>> expected) {
        assertThat(actual.rows()).hasSameSizeAs(expected);
        for (int row = 0; row < expected.size(); row++) {
            List<String> cells = List.copyOf(actual.rows().get(row).values());
            List<String> printed = expected.get(row);
            int last = printed.size() - 1;
            assertThat(cells.subList(0, last)).isEqualTo(printed.subList(0, last));
            assertThat(cells.get(last)).startsWith(printed.get(last));
        }
    }

    @Test
    void printsThePriorityOfTwelveJobs() throws IOException {
        CasePriority priorities = new CasePriority(CaseFile.read(path("03-classic.json")), tree("03-classic.json"));
        assertLines(priorities.sprio(), recorded("03-classic.json", "sprio_l"));
        assertLines(priorities.normalized(), recorded("03-classic.json", "sprio_normalised"));
    }

    @Test
    void aCaseWithoutJobsHasNoPriorities() {
        assertThat(new CasePriority(CaseFile.read(path("01-fairtree-real-jobs.json")), tree("01-fairtree-real-jobs.json")).sprio().rows()).isEmpty();
    }

    @Test
    void findsTheSizeOfTheClusterInWhateverWasRecorded() throws IOException {
        List<List<String>> expected = recorded("03-classic.json", "sprio_l");
        for (List<String> removed : List.of(
                List.of("priority_log"), List.of("sprio_normalised"), List.of("priority_log", "sprio_l"), List.of("priority_log", "sprio_normalised"), List.of("priority_log", "sprio_l", "sprio_normalised"))) {
            CaseFile file = changed("03-classic.json", root -> root.remove(removed));
            assertLines(new CasePriority(file, new CaseTree(file, null)).sprio(), expected);
        }
        CaseFile said = changed("03-classic.json", root -> {
            root.remove(List.of("priority_log", "sprio_l", "sprio_normalised"));
            root.putObject("cluster").put("nodes", 1).put("tres", "cpu=16,mem=16000M,gres/gpu=8");
        });
        assertLines(new CasePriority(said, new CaseTree(said, null)).sprio(), expected);
        CaseFile silent = changed("03-classic.json", root -> {
            root.remove(List.of("priority_log", "sprio_l", "sprio_normalised"));
            ObjectNode jobs = (ObjectNode) root.get("jobs");
            jobs.properties().forEach(job -> job.setValue(TextNode.valueOf(job.getValue().asText().replaceFirst("Priority=\\d+ ", ""))));
        });
        CaseTree tree = new CaseTree(silent, null);
        assertThatThrownBy(() -> new CasePriority(silent, tree).sprio()).isInstanceOf(FerryException.class).hasMessageContaining("how large the cluster was").hasMessageContaining("\"cluster\"");
    }

    @Test
    void printsWhatIsLeftAfterEachTick() throws IOException {
        CaseSeries series = new CaseSeries(CaseFile.read(path("07-decay-series.json")));
        List<String> actual = series.rows().rows().stream().map(row -> row.get("Account") + "|" + row.get("User") + "|" + row.get("RawUsage")).toList();
        List<String> expected = new ArrayList<>();
        json("07-decay-series.json").get("ticks").forEach(tick -> tick.get("sshare").forEach(line -> expected.add(line.asText())));
        assertThat(actual).isEqualTo(expected);
    }

    @Test
    void addsNewUseToEighteenDigits() throws IOException {
        CaseSeries series = new CaseSeries(CaseFile.read(path("07-decay-series.json")));
        series.rows();
        Pattern adding = Pattern.compile("Adding (\\S+) new usage to assoc \\d+ \\((\\w+)/(\\(null\\)|\\w+)/.*raw usage is now (\\d+\\.\\d+)");
        List<String> expected = new ArrayList<>();
        json("07-decay-series.json").get("ticks").forEach(tick -> tick.get("log").forEach(line -> {
            Matcher matcher = adding.matcher(line.asText());
            if (matcher.find()) {
                String user = matcher.group(3).equals("(null)") ? "" : "/" + matcher.group(3);
                expected.add("Adding " + matcher.group(1) + " new usage to " + matcher.group(2) + user + " raw usage is now " + matcher.group(4));
            } else if (line.asText().contains("Decay factor")) {
                expected.add(line.asText().replaceFirst(".*PRIO: ", ""));
            }
        }));
        assertThat(series.log()).isEqualTo(expected);
    }

    @Test
    void billsAsSlurmDoes() throws IOException {
        List<Map<String, String>> rows = new CaseBilling(CaseFile.read(path("09-billing-tres.json"))).rows().rows();
        JsonNode results = json("09-billing-tres.json").get("results");
        for (int at = 0; at < results.size(); at++) {
            assertThat(rows.get(at)).containsEntry("tres", results.get(at).get("tres").asText()).containsEntry("weighted", results.get(at).get("log").get(0).asText().replaceFirst(".*= ", ""));
        }
        assertThat(rows).hasSize(results.size());
    }

    @Test
    void laterSlurmsAddGresInMaxTresGres() throws IOException {
        CaseFile file = changed("09-billing-tres.json", root -> root.put("slurm_version", "24.11.1"));
        // 8 CPUs weigh more than 12000 MiB; the GPU's 16 come on top.
        assertThat(new CaseBilling(file).rows().rows().getLast()).containsEntry("flags", "MAX_TRES_GRES").containsEntry("weighted", "24.000000");
    }

    @Test
    void aSeriesGoesByTheBillThatWasLogged() throws IOException {
        // 54 seconds, of each of which 0.998845^54 is left.
        String added = "Adding " + SlurmText.fixed(54 * Math.pow(0.998845, 54) * 74000.5, 6);
        CaseFile file = changed("07-decay-series.json", root -> {
            ArrayNode log = (ArrayNode) root.get("ticks").get(0).get("log");
            for (int at = 0; at < log.size(); at++) {
                log.set(at, TextNode.valueOf(log.get(at).asText().replace("74000.000000", "74000.500000").replace("Adding 3754247.307358", added)));
            }
        });
        CaseSeries series = new CaseSeries(file);
        series.rows();
        assertThat(series.log().get(1)).startsWith(added + " new usage to tc/erin");
    }

    @Test
    void aSeriesGoesByTheUsageFactorThatWasLogged() throws IOException {
        CaseFile file = changed("07-decay-series.json", root -> {
            ArrayNode log = (ArrayNode) root.get("ticks").get(0).get("log");
            for (int at = 0; at < log.size(); at++) {
                log.set(at, TextNode.valueOf(log.get(at).asText().replace("Adding 3754247.307358", "Adding 1877123.653679")));
            }
        });
        CaseSeries series = new CaseSeries(file);
        series.rows();
        assertThat(series.log().get(1)).startsWith("Adding 1877123.653679 new usage to tc/erin");
    }

    @Test
    void aSeriesWhoseTicksShowOtherAccountsIsRefused() throws IOException {
        CaseFile fewer = changed("07-decay-series.json", root -> ((ArrayNode) root.get("ticks").get(2).get("sshare")).remove(14));
        assertThatThrownBy(() -> new CaseSeries(fewer).rows()).hasMessageContaining("changed.json").hasMessageContaining("tick number 3").hasMessageContaining("line 15");
        for (String halfLife : List.of("-5", "long")) {
            CaseFile odd = changed("07-decay-series.json", root -> root.put("half_life_s", halfLife));
            assertThatThrownBy(() -> new CaseSeries(odd)).hasMessageContaining("changed.json").hasMessageContaining("half_life_s").hasMessageContaining(halfLife);
        }
        CaseFile planted = changed("07-decay-series.json", root -> ((ObjectNode) root.get("planted")).put("alice", "much"));
        assertThatThrownBy(() -> new CaseSeries(planted).rows()).hasMessageContaining("changed.json").hasMessageContaining("alice").hasMessageContaining("'much'");
    }

    @Test
    void theRoundestNumberOfARange() {
        assertThat(CaseSeries.roundest(99.68, 100.75)).isEqualByComparingTo(new BigDecimal("100"));
        assertThat(CaseSeries.roundest(249.97, 250.47)).isEqualByComparingTo(new BigDecimal("250"));
        assertThat(CaseSeries.roundest(0, 1.07)).isEqualByComparingTo(BigDecimal.ZERO);
        assertThat(CaseSeries.roundest(0.311, 0.34)).isEqualByComparingTo(new BigDecimal("0.32"));
    }

    @Test
    void tiesMayBeAskedForInTheCaseOrBesideIt() throws IOException {
        CaseFile file = changed("01-fairtree-real-jobs.json", root -> root.put("fairshare.ties", "documented"));
        assertThat(new CaseTree(file, null).standings().policy().ties()).isEqualTo(Ties.DOCUMENTED);
        assertThat(new CaseTree(file, Ties.SLURM).standings().policy().ties()).isEqualTo(Ties.SLURM);
        CaseFile wrong = changed("01-fairtree-real-jobs.json", root -> root.put("fairshare.ties", "random"));
        assertThatThrownBy(() -> new CaseTree(wrong, null)).hasMessageContaining("'random'").hasMessageContaining("documented");
    }

    @Test
    void whatIsMissingOrWrongIsNamedWithItsFile() throws IOException {
        assertThatThrownBy(() -> changed("01-fairtree-real-jobs.json", root -> root.remove("associations")).kind()).hasMessageContaining("changed.json").hasMessageContaining("'associations'");
        CaseFile noShare = changed("01-fairtree-real-jobs.json", root -> ((ObjectNode) root.get("associations").get(3)).put("Share", "many"));
        assertThatThrownBy(() -> new CaseTree(noShare, null)).hasMessageContaining("bio/erin").hasMessageContaining("'many'");
        CaseFile noParent = changed("01-fairtree-real-jobs.json", root -> ((ObjectNode) root.get("associations").get(3)).put("ParentID", "99"));
        assertThatThrownBy(() -> new CaseTree(noParent, null)).hasMessageContaining("bio/erin").hasMessageContaining("99");
        CaseFile noJobUser = changed("03-classic.json", root -> ((ObjectNode) root.get("jobs")).put("11", "JobId=11 UserId=mallory(1) Account=physics QOS=normal Partition=w1 TRES=cpu=1"));
        CaseTree tree = new CaseTree(noJobUser, null);
        assertThatThrownBy(() -> new CasePriority(noJobUser, tree).sprio()).hasMessageContaining("job 11").hasMessageContaining("physics/mallory");
        CaseFile contradiction = changed("03-classic.json", root -> ((ObjectNode) root.get("jobs")).put("11", root.get("jobs").get("11").asText().replace("cpu=2", "cpu=3")));
        CaseTree other = new CaseTree(contradiction, null);
        assertThatThrownBy(() -> new CasePriority(contradiction, other).sprio()).hasMessageContaining("contradict each other about how much cpu").hasMessageContaining("\"cluster\"");
        Path file = folder.resolve("broken.json");
        Files.writeString(file, "{");
        assertThatThrownBy(() -> CaseFile.read(file)).isInstanceOf(FerryException.class).hasMessageContaining("broken.json");
        assertThatThrownBy(() -> CaseFile.read(folder.resolve("none.json"))).isInstanceOf(FerryException.class).hasMessageContaining("none.json");
    }

    @Test
    void aCaseOfAccountsAloneIsOneInWhichNobodyUsedAnything() throws IOException {
        CaseFile file = changed("01-fairtree-real-jobs.json", root -> root.retain("associations"));
        assertThat(new CaseTree(file, null).sshare().rows()).allSatisfy(row -> assertThat(row.get("RawUsage")).isEqualTo("0"));
    }
}
