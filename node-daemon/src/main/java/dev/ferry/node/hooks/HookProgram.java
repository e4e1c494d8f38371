package dev.ferry.node.hooks;

import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.jobs.Trees;
import dev.ferry.node.sandbox.NativeHelper;
import dev.ferry.node.sandbox.ToolProcess;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs programs of hooks, each in a control group of its own beside that of the jobs: what it leaves running, wherever it hides, is killed
 * when it ends, when its time is over, and when the next daemon starts.
 */
final class HookProgram {
    private static final Logger LOG = LoggerFactory.getLogger(HookProgram.class);
    private static final Duration DEATH = Duration.ofSeconds(2);
    private static final int TAIL = 4096;

    private final CgroupLayout layout;
    private final String cgroup;
    private final Path folder;
    private final AtomicLong runs = new AtomicLong();

    private HookProgram(CgroupLayout layout, String cgroup, Path folder) {
        this.layout = layout;
        this.cgroup = cgroup;
        this.folder = folder;
    }

    /**
     * Ends what an earlier daemon's hooks have left.
     *
     * @param cgroup the group of all hooks, in which no job is
     * @param folder for what hooks read and write; emptied
     */
    static HookProgram open(CgroupLayout layout, String cgroup, Path folder) throws IOException {
        for (String left : new JobCgroup(layout, cgroup).names()) {
            LOG.warn("a hook that an earlier daemon began is killed");
            end(new JobCgroup(layout, cgroup + "/" + left));
        }
        Trees.delete(folder);
        return new HookProgram(layout, cgroup, folder);
    }

    HookAnswer run(List<String> words, HookFacts facts, Duration atMost) throws InterruptedException {
        String name = Long.toString(runs.incrementAndGet());
        JobCgroup group = new JobCgroup(layout, cgroup + "/" + name);
        Path own = folder.resolve(name);
        try {
            Files.createDirectories(own);
            Path helper = own.resolve("ferry-init");
            NativeHelper.install(helper);
            Path input = Files.write(own.resolve("facts.json"), facts.json());
            Path output = own.resolve("output");
            group.createFolders();
            List<String> command = new ArrayList<>(List.of(helper.toString(), "enter"));
            group.joinFiles().forEach(file -> command.addAll(List.of("--cgroup", file.toString())));
            command.add("--");
            command.addAll(words);
            int status = ToolProcess.start(command, own, input, output, facts.environment()).await(atMost);
            if (status == 0) {
                return HookAnswer.GO_ON;
            }
            return HookAnswer.failed(status == -1 ? "did not end within " + atMost.toMillis() + " ms and was killed" : "ended with status " + status, tail(output));
        } catch (IOException failed) {
            return HookAnswer.failed("could not be run", failed.toString());
        } finally {
            end(group);
            clear(own);
        }
    }

    private static String tail(Path output) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(output.toFile(), "r")) {
            byte[] last = new byte[(int) Math.min(TAIL, file.length())];
            file.seek(file.length() - last.length);
            file.readFully(last);
            return new String(last, StandardCharsets.UTF_8);
        }
    }

    private static void end(JobCgroup group) {
        if (!group.exists()) {
            return;
        }
        try {
            // As root it may have made groups of its own.
            group.killAll();
            group.kill(DEATH);
            group.remove();
        } catch (FerryException | IOException left) {
            LOG.warn("what a hook left in the control group {} is killed, and not gone yet", group.path(), left);
        }
    }

    private static void clear(Path own) {
        try {
            Trees.delete(own);
        } catch (IOException left) {
            LOG.warn("the folder {} of a hook stays until the next start", own, left);
        }
    }
}
