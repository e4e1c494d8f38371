package dev.ferry.cli.slurm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.proto.v1.Accounting;
import dev.ferry.proto.v1.AccountingChange;
import dev.ferry.proto.v1.Association;
import dev.ferry.proto.v1.Limits;
import dev.ferry.proto.v1.Qos;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A dump in the form that sacctmgr's manual describes. */
class SlurmDumpTest {
    private static final Accounting BEFORE = Accounting.newBuilder().addQos(Qos.newBuilder().setName("normal")).build();
    private static final List<String> LINES =
            List.of(
                    "# To edit this file start with a cluster line for the new cluster",
                    "# Cluster - 'cluster_name':MaxNodesPerJob=50",
                    "Cluster - 'linux':Fairshare=1:QOS='normal'",
                    "Parent - 'root'",
                    "User - 'root':DefaultAccount='root':AdminLevel='Administrator':Fairshare=1",
                    "Account - 'physics':Description='physics: light and matter':Organization='science':Fairshare=30:GrpTRES=cpu=100,gres/gpu:h100=8:QOS='+urgent'",
                    "Account - 'chemistry':Description='chemistry':Organization='science':Fairshare=20",
                    "Parent - 'physics'",
                    "Account - 'optics':Fairshare=parent:MaxWallDurationPerJob=90",
                    "User - 'alice':DefaultAccount='physics':Fairshare=2147483647:MaxJobs=4:DefaultQOS='urgent':MaxSubmitJobs=10",
                    "User - 'bob':DefaultAccount='chemistry':Fairshare=3");

    @Test
    void accountsUsersSharesAndLimitsAreTakenOver() {
        SlurmDump dump = SlurmDump.parse(LINES, "linux.cfg", BEFORE);
        List<Association> made = dump.changes().stream().filter(AccountingChange::hasAssociation).map(AccountingChange::getAssociation).toList();
        assertThat(made)
                .containsExactly(
                        Association.newBuilder().setAccount("root").setUser("root").setShares(1).setDefaultAccount(true).setLimits(Limits.getDefaultInstance()).build(),
                        Association.newBuilder().setAccount("physics").setParent("root").setShares(30).setLimits(Limits.newBuilder().setGrpTres("cpu=100,gres/gpu:h100=8")).build(),
                        Association.newBuilder().setAccount("chemistry").setParent("root").setShares(20).setLimits(Limits.getDefaultInstance()).build(),
                        Association.newBuilder().setAccount("optics").setParent("physics").setShares(-1).setLimits(Limits.newBuilder().setMaxWallSeconds(5400)).build(),
                        Association.newBuilder().setAccount("physics").setUser("alice").setShares(-1).setDefaultAccount(true).setDefaultQos("urgent").setLimits(Limits.newBuilder().setMaxJobs(4)).build(),
                        Association.newBuilder().setAccount("physics").setUser("bob").setShares(3).setLimits(Limits.getDefaultInstance()).build());
        assertThat(dump.changes().getFirst().getQos().getName()).isEqualTo("urgent");
        assertThat(dump.summary()).contains("3 accounts and 3 users").contains("QoS urgent").contains("maxsubmitjobs (1 times)");
    }

    @Test
    void aLineThatCannotBeReadIsNamed() {
        assertThatThrownBy(() -> SlurmDump.parse(List.of("Parent - 'root'", "Acount - 'x'"), "linux.cfg", BEFORE)).hasMessageContaining("line 2").hasMessageContaining("Acount");
        assertThatThrownBy(() -> SlurmDump.parse(List.of("Account - 'x':Fairshare=many"), "linux.cfg", BEFORE)).hasMessageContaining("many");
    }

    @Test
    void limitsOfWhatNoJobHoldsAreListed() {
        SlurmDump dump = SlurmDump.parse(List.of("Account - 'physics':GrpTRES=cpu=100,billing=500,license/matlab=2,gres/gpu:h100=8", "Account - 'optics':MaxTRESPerJob=billing=5"), "linux.cfg", BEFORE);
        assertThat(dump.changes().stream().map(change -> change.getAssociation().getLimits())).containsExactly(Limits.newBuilder().setGrpTres("cpu=100,gres/gpu:h100=8").build(), Limits.newBuilder().setMaxTresPerJob("").build());
        assertThat(dump.summary()).contains("grptres of billing (1 times)").contains("grptres of license/matlab (1 times)").contains("maxtresperjob of billing (1 times)");
    }
}
