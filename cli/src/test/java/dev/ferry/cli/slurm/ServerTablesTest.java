package dev.ferry.cli.slurm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.Priorities;
import dev.ferry.proto.v1.PriorityFactors;
import dev.ferry.proto.v1.PriorityRow;
import org.junit.jupiter.api.Test;

class ServerTablesTest {
    @Test
    void resourcesStandInSlurmsOrder() {
        PriorityFactors points = PriorityFactors.newBuilder().putTres("gres/gpu", 2500).putTres("node", 7).putTres("mem", 150).putTres("cpu", 175).build();
        Priorities priorities = Priorities.newBuilder().addRows(PriorityRow.newBuilder().setJob("j").setPriority(2832).setPoints(points)).build();
        assertThat(ServerTables.sprio(priorities).rows()).singleElement().satisfies(row -> assertThat(row).containsEntry("TRES", "cpu=175,mem=150,node=7,gres/gpu=2500"));
    }
}
