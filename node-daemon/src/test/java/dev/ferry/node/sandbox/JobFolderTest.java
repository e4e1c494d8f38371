package dev.ferry.node.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JobFolderTest {
    private final JobFolder folder = new JobFolder(Path.of("/var/lib/ferry/node/jobs/j-aaaaaaaa"));

    @Test
    void volumesLieInTheFolder() {
        assertThat(JobFolder.volumeNames()).allSatisfy(name -> assertThat(folder.volume(name).getParent()).isEqualTo(folder.path()));
    }

    /** Names come from manifests, and the daemon makes what they name as root. */
    @ParameterizedTest
    @ValueSource(strings = {"/etc/cron.d", "../../x", "..", "", ".", "work/../../x", "root", "bundle", "ferry-init"})
    void whatIsNoVolumeIsRefused(String name) {
        assertThatThrownBy(() -> folder.volume(name)).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.MANIFEST_CORRUPT)).hasMessageContaining("'" + name + "'");
    }
}
