package dev.ferry.cli.bench;

import dev.ferry.node.posix.Posix;
import dev.ferry.node.posix.PosixException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/** Processes that stand still until this is closed: the workload of one side must not take the processors from the one that is measured. */
final class StandStill implements AutoCloseable {
    private static final int SIGCONT = 18;
    private static final int SIGSTOP = 19;

    private final List<Integer> stopped = new ArrayList<>();

    private StandStill() {}

    /**
     * @param pids of processes that stand still with all their descendants; what has ended is left out
     */
    static StandStill of(Collection<Integer> pids) throws PosixException {
        StandStill still = new StandStill();
        try {
            for (int pid : pids) {
                still.stop(pid);
                for (ProcessHandle below : ProcessHandle.of(pid).stream().flatMap(ProcessHandle::descendants).toList()) {
                    still.stop((int) below.pid());
                }
            }
            return still;
        } catch (PosixException failed) {
            still.close();
            throw failed;
        }
    }

    private void stop(int pid) throws PosixException {
        Posix.kill(pid, SIGSTOP);
        stopped.add(pid);
    }

    @Override
    public void close() throws PosixException {
        for (int pid : stopped) {
            Posix.kill(pid, SIGCONT);
        }
    }
}
