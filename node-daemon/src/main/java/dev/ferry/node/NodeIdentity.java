package dev.ferry.node;

import dev.ferry.common.DurableFile;
import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * Under which name and with which control group a data folder's jobs run, written into that folder. A daemon that came back with another group would find none of its jobs' processes there: it
 * could neither freeze nor kill them, and the watchdog would freeze the wrong ones; under another name the coordinator would say that none of them may run. So as long as one of them lives
 * neither may change. The folder also has an id of its own: what a daemon of another folder does not know of may well live (see NodeDirectory.requireSameFolder of the coordinator).
 */
final class NodeIdentity {
    private static final String FILE = "identity";

    private NodeIdentity() {}

    /**
     * Writes down what holds from now on.
     *
     * @return the folder's id
     * @param continuing names the group of a group's jobs that run on without a lease
     * @throws FerryException CONFIG_INVALID: jobs live here under another name or in another group
     */
    static String require(Path data, CgroupLayout layout, String name, String cgroup, UnaryOperator<String> continuing) throws IOException {
        Path file = data.resolve(FILE);
        String id = Ids.random(16);
        Optional<List<String>> before = DurableFile.read(file).map(content -> new String(content, StandardCharsets.UTF_8).lines().toList());
        if (before.isPresent() && before.get().size() == 3) {
            String oldName = before.get().get(0);
            String oldGroup = before.get().get(1);
            boolean changed = !oldName.equals(name) || !oldGroup.equals(cgroup);
            if (changed && (holdsJobs(layout, oldGroup) || holdsJobs(layout, continuing.apply(oldGroup)))) {
                throw new FerryException(
                        ErrorCode.CONFIG_INVALID,
                        "Jobs of the folder "
                                + data
                                + " live here as those of node '"
                                + oldName
                                + "' in the control group '"
                                + oldGroup
                                + "', and this daemon is configured as node '"
                                + name
                                + "' with the group '"
                                + cgroup
                                + "'. Start it as it was and drain it ('ferry node drain "
                                + oldName
                                + "') before 'name' or 'cgroup' is changed");
            }
            id = before.get().get(2);
            if (!changed) {
                return id;
            }
        }
        DurableFile.write(file, (name + "\n" + cgroup + "\n" + id + "\n").getBytes(StandardCharsets.UTF_8));
        return id;
    }

    private static boolean holdsJobs(CgroupLayout layout, String cgroup) {
        return !new JobCgroup(layout, cgroup).isEmpty();
    }
}
