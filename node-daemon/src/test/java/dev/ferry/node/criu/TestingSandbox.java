package dev.ferry.node.criu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Ids;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.sandbox.JobFolder;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.node.sandbox.Sandbox;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.storage.ImageWriter;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Real sandboxes in a folder of the test's own; everything is gone after close. */
final class TestingSandbox implements AutoCloseable {
    static final Duration SOON = Duration.ofSeconds(20);

    /** As the default policy says. */
    List<Path> hidden = List.of(Path.of("/etc/ferry"), Path.of("/etc/ssh"), Path.of("/root"));

    private final Path base;
    private final String group = "ferrytest-" + Ids.random(6);
    private final CgroupLayout layout = CgroupLayout.ofThisMachine();
    private final Sandbox sandbox;
    private final List<Life> lives = new ArrayList<>();

    /** One life of a job. */
    record Life(JobFolder folder, JobCgroup cgroup, RootPlan plan, JobSpec spec) {}

    TestingSandbox(Path base) throws IOException {
        this.base = base;
        sandbox = new Sandbox(Path.of("/usr/sbin/runc"), base.resolve("runc"));
    }

    /** Opens the test's folders to jobs of all users, as those of a node are. */
    void letUsersIn() throws IOException {
        Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
        for (Path above = base; above.startsWith(temporary) && !above.equals(temporary); above = above.getParent()) {
            Files.setAttribute(above, "unix:mode", 0755);
        }
    }

    JobSpec python(String script, String... arguments) {
        return JobSpec.newBuilder().setName("test").addCommand("/usr/bin/python3").addCommand("/scratch/" + script).addAllCommand(List.of(arguments)).build();
    }

    /** Makes folders and control group; the job's volumes are empty but for the test's programs. */
    Life prepare(JobSpec spec, String name) throws IOException {
        JobFolder folder = new JobFolder(base.resolve(name));
        folder.createVolumes(spec.getUid(), spec.getGid());
        for (String argument : spec.getCommandList()) {
            if (argument.startsWith("/scratch/")) {
                try (InputStream program = TestingSandbox.class.getResourceAsStream("/jobs/" + argument.substring(9))) {
                    Files.copy(program, folder.volume("work").resolve(argument.substring(9)));
                }
            }
        }
        RootPlan plan = RootPlan.of(spec, folder, hidden);
        plan.makeSkeleton(folder.root());
        JobCgroup cgroup = new JobCgroup(layout, group + "/" + name);
        cgroup.create(2000, 2L << 30);
        Life life = new Life(folder, cgroup, plan, spec);
        lives.add(life);
        return life;
    }

    JobProcess start(Life life) throws IOException, InterruptedException {
        return sandbox.start(group + "-" + life.folder().path().getFileName(), life.spec(), life.folder(), life.plan(), life.cgroup(), Map.of("FERRY_JOB", "test"), SOON);
    }

    /** A second folder with a copy of the first one's volumes, as on another node. */
    Life copy(Life from, String name) throws IOException, InterruptedException {
        JobFolder folder = new JobFolder(base.resolve(name));
        Files.createDirectories(folder.path());
        for (String volume : JobFolder.volumeNames()) {
            int status = new ProcessBuilder("cp", "-a", from.folder().volume(volume).toString(), folder.path().toString()).inheritIO().start().waitFor();
            if (status != 0) {
                throw new IOException("cp failed");
            }
        }
        try (var files = Files.walk(folder.volume("work"))) {
            for (Path file : files.toList()) {
                if ((((int) Files.getAttribute(file, "unix:mode")) & 0170000) == 0140000) {
                    Files.delete(file);
                }
            }
        }
        RootPlan plan = RootPlan.of(from.spec(), folder, hidden);
        plan.makeSkeleton(folder.root());
        JobCgroup cgroup = new JobCgroup(layout, group + "/" + name);
        cgroup.create(2000, 2L << 30);
        Life life = new Life(folder, cgroup, plan, from.spec());
        lives.add(life);
        return life;
    }

    /** Dumps a job that is frozen. */
    static void dump(CriuBinary criu, String run, JobProcess job, Life life, TestingImage image) throws IOException, InterruptedException {
        dump(criu, run, job, life, image.writer());
    }

    static void dump(CriuBinary criu, String run, JobProcess job, Life life, ImageWriter image) throws IOException, InterruptedException {
        try (CriuDump dump = CriuDump.start(criu, run, job, life.cgroup(), life.folder(), life.plan(), image)) {
            assertThat(dump.dump(SOON)).contains("inventory.img");
        }
    }

    static JobProcess restore(CriuBinary criu, String run, Life life, TestingImage image) throws IOException, InterruptedException {
        try (CriuRestore restore = CriuRestore.start(criu, run, life.spec(), life.cgroup(), life.folder(), life.plan(), image.reader())) {
            return restore.restore(SOON).process();
        }
    }

    static List<String> log(Life life) throws IOException {
        return Files.exists(life.folder().log()) ? Files.readAllLines(life.folder().log()) : List.of();
    }

    @Override
    public void close() throws IOException {
        for (Life life : lives) {
            // A start that failed has left nothing.
            if (!life.cgroup().exists()) {
                continue;
            }
            for (int pid : life.cgroup().processes()) {
                dev.ferry.node.posix.Posix.kill(pid, 9);
            }
            life.cgroup().thaw(SOON);
            life.cgroup().awaitEmpty(SOON);
            life.cgroup().remove();
        }
        new JobCgroup(layout, group).remove();
    }
}
