package dev.ferry.node.posix;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class StartTimeTest {
    /** A program calls itself what it likes; one whose name is no text was taken for dead, and a job that was taken for dead was killed. */
    @Test
    void aProcessWhoseNameIsNoTextLives() throws Exception {
        Process child = new ProcessBuilder("sh", "-c", "printf '\\377) x' > /proc/$$/comm; echo ready; read line").start();
        try {
            assertThat(child.inputReader().readLine()).isEqualTo("ready");
            assertThat(Posix.startTime((int) child.pid())).isPresent();
        } finally {
            Process unused = child.destroyForcibly();
        }
        assertThat(child.waitFor()).isNotZero();
        assertThat(Posix.startTime((int) child.pid())).isEmpty();
    }
}
