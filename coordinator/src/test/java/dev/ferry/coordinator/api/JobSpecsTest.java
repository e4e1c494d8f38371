package dev.ferry.coordinator.api;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.JobSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How a job may ask to be told that it is about to be frozen. */
class JobSpecsTest {
    private static JobSpec.Builder job() {
        return JobSpec.newBuilder().addCommand("true");
    }

    @Test
    void aSignalAFileAndAGraceAreTaken() {
        assertThatCode(() -> JobSpecs.check(job().setNotifySignal(10).build())).doesNotThrowAnyException();
        assertThatCode(() -> JobSpecs.check(job().setNotifyFile("/scratch/ferry").setNotifyGraceMillis(600_000).build())).doesNotThrowAnyException();
        assertThatCode(() -> JobSpecs.check(job().setNotifyFile("/tmp/told.by-ferry").build())).doesNotThrowAnyException();
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 9, 17, 19, 65})
    void aSignalThatNoProgramGetsIsRefused(int signal) {
        assertThatThrownBy(() -> JobSpecs.check(job().setNotifySignal(signal).build())).isInstanceOf(FerryException.class).hasMessageContaining("signal " + signal);
    }

    @ParameterizedTest
    @ValueSource(strings = {"ferry", "/etc/passwd", "/scratch", "/scratch/", "/scratch/a/b", "/scratch/..", "/scratch/../x", "/tmp/.hidden", "/scratch/a\nb", "/.ferry/ctl/exit"})
    void aFileThatIsNotRightInAFolderOfTheJobIsRefused(String file) {
        assertThatThrownBy(() -> JobSpecs.check(job().setNotifyFile(file).build())).isInstanceOf(FerryException.class).hasMessageContaining("right in /scratch or /tmp");
    }

    /** The driver brings a process that has it back on no other GPUs. */
    @Test
    void aJobWithGpusDoesNotChooseThemItself() {
        assertThatThrownBy(() -> JobSpecs.check(job().setGpus(1).putEnvironment("CUDA_VISIBLE_DEVICES", "0").build())).hasMessageContaining("CUDA_VISIBLE_DEVICES keeps a job from coming back");
        assertThatCode(() -> JobSpecs.check(job().putEnvironment("CUDA_VISIBLE_DEVICES", "").build())).as("without GPUs it says nothing").doesNotThrowAnyException();
    }

    @Test
    void aGraceIsOfUseAndBounded() {
        assertThatThrownBy(() -> JobSpecs.check(job().setNotifyGraceMillis(1000).build())).hasMessageContaining("told by a signal or a file");
        assertThatThrownBy(() -> JobSpecs.check(job().setNotifySignal(10).setNotifyGraceMillis(600_001).build())).hasMessageContaining("at most 10 minutes");
    }
}
