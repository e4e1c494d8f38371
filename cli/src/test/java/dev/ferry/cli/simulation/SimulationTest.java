package dev.ferry.cli.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.Configs;
import dev.ferry.common.FerryException;
import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.simulate.Report;
import dev.ferry.scheduling.simulate.SimulatedJob;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SimulationTest {
    private static final ClusterFile CLUSTER = new ClusterFile(4, 8, 96, "1TiB", Map.of("vc1", 3));

    @TempDir Path folder;

    private Path file(String text) throws IOException {
        return Files.writeString(folder.resolve("trace"), text);
    }

    @Test
    void readsATraceOfPhillysForm() throws IOException {
        Trace trace = Trace.read(file("timestamp,duration,num_gpus,gpu_time,cluster\n2017-10-03 07:05:01,600.0,16,9600,vc1\n2017-10-03 07:00:00,30,1,30,vc2\n1507014000,0,1,0,vc2\n1507014000,5,64,320,vc2\n"), CLUSTER);
        assertThat(trace.jobs().stream().map(SimulatedJob::seconds)).containsExactly(30L, 600L);
        assertThat(trace.jobs().getLast().demand()).isEqualTo(new Demand(2, 96_000, 1 << 20, 8, 0));
        assertThat(trace.jobs().getLast().submitted() - trace.jobs().getFirst().submitted()).isEqualTo(301);
        assertThat(trace.left()).as("one ran for no time, one needs more nodes than there are").isEqualTo(2);
        assertThat(trace.tree().get(trace.tree().findAccount("vc1").getAsInt()).shares()).isEqualTo(3);
        assertThat(trace.tree().get(trace.tree().findAccount("vc2").getAsInt()).shares()).isEqualTo(1);
    }

    @Test
    void readsWhatSacctPrints() throws IOException {
        Trace trace = Trace.read(file("JobID|Account|Submit|Elapsed|AllocTRES\n7|vc1|2026-11-23T14:08:05|1-00:00:10|billing=4,cpu=8,gres/gpu=8,mem=64G,node=2\n7.batch|vc1|2026-11-23T14:08:05|00:00:10|cpu=4\n"), CLUSTER);
        assertThat(trace.jobs()).hasSize(1);
        assertThat(trace.jobs().getFirst().seconds()).isEqualTo(86_410);
        assertThat(trace.jobs().getFirst().demand()).isEqualTo(new Demand(2, 4000, 32_768, 4, 0));
    }

    @Test
    void whatCannotBeReadIsNamedWithItsLine() throws IOException {
        Path noNumber = file("timestamp,duration,num_gpus,gpu_time,cluster\n0,soon,1,1,a\n");
        assertThatThrownBy(() -> Trace.read(noNumber, CLUSTER)).isInstanceOf(FerryException.class).hasMessageContaining("Line 2").hasMessageContaining("'soon'");
        Path noColumn = file("timestamp,duration,gpus\n0,1,1\n");
        assertThatThrownBy(() -> Trace.read(noColumn, CLUSTER)).hasMessageContaining("no column 'cluster'").hasMessageContaining("gpus");
        Path cut = file("timestamp,duration,num_gpus,gpu_time,cluster\n0,1\n");
        assertThatThrownBy(() -> Trace.read(cut, CLUSTER)).hasMessageContaining("Line 2").hasMessageContaining("2 cells");
        assertThatThrownBy(() -> Configs.parse("nodes: 0\nmemory: lots\n", "cluster.yaml", ClusterFile.defaults())).hasMessageContaining("nodes").hasMessageContaining("'lots'");
        assertThatThrownBy(() -> Configs.parse("hysteresis: 2\ndelay: soon\n", "policy.yaml", PolicyFile.defaults())).hasMessageContaining("hysteresis").hasMessageContaining("'soon'");
    }

    @Test
    void comparesPoliciesOnOneTraceAndDrawsThem() throws Exception {
        ClusterFile cluster = Configs.parse("nodes: 4\nshares: {a: 2, b: 1, c: 1}\n", "cluster.yaml", ClusterFile.defaults());
        Trace trace = Trace.generated(cluster, 3, 300, 86_400, 1.2);
        Comparison comparison = new Comparison(cluster, trace, PolicyFile.defaults());
        assertThat(comparison.reports().stream().map(Report::name)).containsExactly("fifo", "fair", "fair+kill", "fair+checkpoint", "fair+checkpoint+hysteresis");
        assertThat(comparison.reports()).allSatisfy(report -> assertThat(report.jobs()).isEqualTo(trace.jobs().size()));
        Report kill = comparison.reports().get(2);
        Report naive = comparison.reports().get(3);
        Report guarded = comparison.reports().get(4);
        assertThat(kill.lostHours()).isPositive();
        assertThat(List.of(naive.lostHours(), guarded.lostHours())).containsOnly(0.0);
        assertThat(guarded.preemptions() + guarded.moves()).isLessThan(naive.preemptions());
        assertThat(guarded.unmetShare()).isLessThan(comparison.reports().get(1).unmetShare());
        assertThat(guarded.mostHitsInAnHour()).isLessThanOrEqualTo(1);
        assertThat(comparison.table()).contains("fair+kill", "UNMET SHARE %");
        assertThat(comparison.json()).contains("\"lostHours\"", "\"policy\" : \"fifo\"");
        comparison.plot(folder.resolve("plots"));
        for (Report report : comparison.reports()) {
            Path plot = folder.resolve("plots").resolve(report.name() + ".svg");
            assertThat(DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(plot.toFile()).getElementsByTagName("polyline").getLength()).isEqualTo(6);
        }
    }
}
