package dev.ferry.node.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GpuHelperTest {
    /** It may be within the driver's exit handlers, with its socket gone and its folder locked. */
    @Test
    void aHelperThatIsJustEndingIsWaitedFor(@TempDir Path folder) throws Exception {
        try (GpuHelper helper = new GpuHelper(folder, GpuConfig.defaults());
                FileChannel file = FileChannel.open(folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            FutureTask<HelperWords> asked = new FutureTask<>(() -> helper.ask("calls", Duration.ofSeconds(20)));
            try (FileLock ending = file.lock()) {
                assertThat(ending.isValid()).isTrue();
                Thread unused = Thread.ofPlatform().daemon().start(asked);
                assertThatThrownBy(() -> asked.get(200, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
            }
            assertThat(asked.get(20, TimeUnit.SECONDS).ok()).isTrue();
        } finally {
            GpuHelper.letEnd(folder);
        }
    }
}
