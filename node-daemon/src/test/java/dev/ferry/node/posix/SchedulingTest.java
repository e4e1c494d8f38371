package dev.ferry.node.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The kernel's own word on a thread's class and niceness. */
class SchedulingTest {
    private static final int NICE_AFTER_NAME = 16;
    private static final int POLICY_AFTER_NAME = 38;

    private int field(int afterName) throws IOException {
        String line = Files.readString(Path.of("/proc/self/task/" + Posix.threadId() + "/stat"));
        return Integer.parseInt(line.substring(line.lastIndexOf(')') + 2).split(" ")[afterName]);
    }

    @AfterEach
    void asBefore() throws PosixException {
        Posix.setIdle(Posix.threadId(), false);
        Posix.goBehind(0);
    }

    @Test
    void aThreadGoesIntoTheIdleClassAndComesBackAsNiceAsItWas() throws IOException {
        Posix.goBehind(5);
        Posix.setIdle(Posix.threadId(), true);
        assertThat(field(POLICY_AFTER_NAME)).isEqualTo(5);
        Posix.setIdle(Posix.threadId(), false);
        assertThat(field(POLICY_AFTER_NAME)).isZero();
        assertThat(field(NICE_AFTER_NAME)).isEqualTo(5);
    }

    @Test
    void aThreadThatIsNotThereIsAnError() {
        assertThatThrownBy(() -> Posix.setIdle(Integer.MAX_VALUE, true)).isInstanceOf(PosixException.class).hasMessageContaining("sched_setscheduler");
    }
}
