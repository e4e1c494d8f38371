package dev.ferry.node.posix;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import sun.misc.Signal;
import sun.misc.SignalHandler;

class KillTest {
    /** Of all signals the one that does nothing to whom it was not meant for. */
    private static final String HARMLESS = "WINCH";

    /** cgroup.procs may list a process as 0; to kill that would kill our own group: the daemon, or Maven and all that it runs. */
    @Test
    void ourOwnGroupIsNoProcess() throws Exception {
        BlockingQueue<String> heard = new LinkedBlockingQueue<>();
        Signal signal = new Signal(HARMLESS);
        SignalHandler before = Signal.handle(signal, received -> heard.add(received.getName()));
        try {
            Posix.kill(0, signal.getNumber());
            Posix.kill(-1, 0);
            Posix.kill((int) ProcessHandle.current().pid(), signal.getNumber());
            assertThat(heard.poll(10, TimeUnit.SECONDS)).as("the signal to this process").isEqualTo(HARMLESS);
            assertThat(heard.poll(200, TimeUnit.MILLISECONDS)).as("one to its group").isNull();
        } finally {
            SignalHandler ours = Signal.handle(signal, before);
            assertThat(ours).isNotNull();
        }
    }
}
