package dev.ferry.scheduling.tres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import org.junit.jupiter.api.Test;

class TresTest {
    @Test
    void readsAndWritesAsSlurmDoes() {
        Tres tres = Tres.parse("gres/gpu:h100=2,billing=26,CPU=8,mem=1.5G,node=1");
        assertThat(tres).hasToString("cpu=8,mem=1536M,node=1,billing=26,gres/gpu:h100=2").isEqualTo(Tres.parse(tres.toString()));
        assertThat(tres.get("gres/gpu")).isZero();
        assertThat(Tres.parse("")).isEqualTo(Tres.NOTHING);
        assertThatThrownBy(() -> Tres.parse("cpu=4,mem=lots")).isInstanceOf(FerryException.class).hasMessageContaining("'mem=lots'").hasMessageContaining("cpu=4,mem=3000M");
    }

    @Test
    void billsTheSumOrTheLargestOfANode() {
        TresWeights weights = TresWeights.parse("CPU=2.0,Mem=1G,GRES/gpu=10,license/x=7,billing=1000");
        Tres job = Tres.parse("cpu=4,mem=3G,gres/gpu=2,license/x=1,billing=9");
        assertThat(weights.bill(job, BillingMode.SUM)).isEqualTo(8 + 3 + 20 + 7);
        assertThat(weights.bill(job, BillingMode.MAX_TRES)).isEqualTo(20 + 7);
        assertThat(weights.bill(job, BillingMode.MAX_TRES_GRES)).isEqualTo(8 + 20 + 7);
        assertThat(TresWeights.parse("(null)")).isEqualTo(TresWeights.NONE);
        assertThatThrownBy(() -> TresWeights.parse("CPU=1,Mem")).isInstanceOf(FerryException.class).hasMessageContaining("'Mem'");
    }

    @Test
    void nothingIsBilledBelowZeroOrWithoutEnd() {
        assertThat(TresWeights.parse("CPU=-1").byName()).containsEntry("cpu", -1.0);
        for (String wrong : new String[] {"CPU=-1", "CPU=1,GRES/gpu=-0.5", "CPU=" + "9".repeat(400)}) {
            assertThatThrownBy(() -> TresWeights.parseBilling(wrong)).isInstanceOf(FerryException.class).hasMessageContaining("must be 0 or more");
        }
        assertThat(TresWeights.parseBilling("CPU=0,Mem=0.25G").byName()).containsEntry("cpu", 0.0);
    }

    @Test
    void namesThatNoJobHasAreKnown() {
        assertThat(new String[] {"cpu", "mem", "node", "gres/gpu", "gres/gpu:h100"}).allMatch(Tres::isOfJobs);
        assertThat(new String[] {"billing", "gpu", "gres/gpu:", "gres/gpus", "energy", "license/x"}).noneMatch(Tres::isOfJobs);
    }
}
