package dev.ferry.node.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class HelperWordsTest {
    @Test
    void devicesWithTheirUsersAreReadFromOneLine() {
        HelperWords words =
                HelperWords.parse("ok gpu=GPU-1 name=NVIDIA%20H100 minor=3 total=100 used=40 load=7 persistence=1 mig=0 uncorrected=0 error=0 processes=2 process=12:30 process=13:10 gpu=GPU-2 name=L4 minor=0 total=50 error=15");
        assertThat(GpuDevice.of(words))
                .containsExactly(
                        new GpuDevice("GPU-1", "NVIDIA H100", 3, 100, 40, 7, false, true, "", Map.of(12, 30L, 13, 10L), true),
                        new GpuDevice("GPU-2", "L4", 0, 50, 0, 0, false, false, "it has fallen off the bus (NVML: GPU is lost)", Map.of(), false));
    }

    @Test
    void errorsOfTheMemoryMakeAGpuSick() {
        assertThat(GpuDevice.of(HelperWords.parse("ok gpu=GPU-1 uncorrected=2")).getFirst().sick()).startsWith("2 uncorrected memory errors");
    }

    /** Of whom NVML tells nothing, all that is in use may be. */
    @Test
    void aListThatIsNotWholeDoesNotCountAsNothing() {
        assertThat(one(" used=40 processes=2 process=12:30 process=13:10").heldBy(List.of(12))).isEqualTo(30);
        assertThat(one(" used=40 processes=0").heldBy(List.of(12))).isZero();
        assertThat(one(" used=40 processes=2 process=12:30").heldBy(List.of(12))).isEqualTo(40);
        assertThat(one(" used=40").heldBy(List.of(12))).isEqualTo(40);
        assertThat(one(" used=40").heldBy(List.of())).as("no process, no state").isZero();
        assertThat(one(" used=40").usedBy(List.of(12))).as("for sure").isZero();
        assertThat(one(" used=40 processes=1 process=12:18446744073709551615").heldBy(List.of(12))).as("not available, as an older helper says it").isEqualTo(40);
    }

    private static GpuDevice one(String more) {
        return GpuDevice.of(HelperWords.parse("ok gpu=GPU-1 name=L4" + more)).getFirst();
    }

    @Test
    void rowsThatCantBeRemappedMakeAGpuSick() {
        assertThat(one(" remap=1").sick()).contains("could not be remapped");
        assertThat(one(" remap=0").sick()).isEmpty();
    }

    @Test
    void errorsOfTheCardMakeItSickAndThoseOfProgramsDont() {
        assertThat(one(" xid=13 xid=31 xid=43 xid=45 xid=68 xid=109").sick()).as("a program's fault").isEmpty();
        assertThat(one(" xid=63 xid=92 xid=94").sick()).as("mended, counted or contained").isEmpty();
        assertThat(one(" xid=13 xid=79 xid=48 uncorrected=2").sick()).isEqualTo("Xid 79: it has fallen off the bus");
        for (int xid : new int[] {48, 62, 64, 74, 79, 95, 119, 120}) {
            assertThat(one(" xid=" + xid).sick()).startsWith("Xid " + xid + ": ");
        }
    }

    @Test
    void aGpuKeepsWhatItIsAndTakesTheHealthThatItHasNow() {
        GpuDevice found = one(" minor=2 total=100");
        GpuDevice failing = found.as(List.of(one(" uncorrected=1 mig=1")));
        assertThat(failing.sick()).startsWith("1 uncorrected");
        assertThat(failing.health()).isEqualTo(failing.sick());
        assertThat(failing.minor()).isEqualTo(2);
        assertThat(failing.memoryBytes()).isEqualTo(100);
        assertThat(failing.as(List.of(one(" mig=1"))).health()).isEqualTo("it is in MIG mode");
        assertThat(failing.as(List.of(one(""))).health()).isEmpty();
        assertThat(found.as(GpuDevice.of(HelperWords.parse("ok gpu=GPU-2"))).sick()).as("nothing is said of it any more").contains("fallen off the bus");
    }

    @Test
    void refusalsKeepTheirReason() {
        HelperWords refused = HelperWords.parse("refused busy lock 1200");
        assertThat(refused.ok()).isFalse();
        assertThat(refused.refusal()).isEqualTo("busy lock 1200");
        assertThat(HelperWords.parse("ok missing=libcuda.so.1:%20no%25such").text("missing")).isEqualTo("libcuda.so.1: no%such");
    }

    @Test
    void statesThatAreNotKnownDontCrash() {
        assertThat(CudaState.of(2)).isEqualTo(CudaState.CHECKPOINTED);
        assertThat(CudaState.of(5)).isEqualTo(CudaState.RESTORING);
        assertThat(CudaState.of(42)).isEqualTo(CudaState.UNKNOWN);
        assertThat(CudaState.of(-1)).isEqualTo(CudaState.UNKNOWN);
    }
}
