package dev.ferry.node.criu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.node.criu.TestingSandbox.Life;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.JobSpec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a job sees and may do in a real sandbox. */
class SandboxIT {
    /** Numbers of clone and clone3 by machine; a child that was made all the same ends at once. */
    private static final String PROGRAM =
            """
            import ctypes, os, platform, threading
            libc = ctypes.CDLL(None, use_errno=True)
            clone, clone3 = (56, 435) if platform.machine() == "x86_64" else (220, 435)
            def error(*words):
                got = libc.syscall(*words)
                if got == 0:
                    os._exit(0)
                return ctypes.get_errno() if got < 0 else 0
            for flag in 0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000:
                print("clone", hex(flag), error(clone, flag | 17, 0, 0, 0, 0))
            print("clone3", error(clone3, 0, 0))
            thread = threading.Thread(target=lambda: print("thread"))
            thread.start()
            thread.join()
            print("shell", os.system("true"))
            print("root", os.listdir("/root"))
            machine = "acpi", "bus", "fs", "irq", "scsi", "sys", "sysrq-trigger"
            print("writable", [one for one in machine if os.path.exists("/proc/" + one) and not os.statvfs("/proc/" + one).f_flag & os.ST_RDONLY])
            """;

    private TestingSandbox sandboxes;

    @BeforeEach
    void open(@TempDir Path folder) throws Exception {
        sandboxes = new TestingSandbox(folder);
    }

    @AfterEach
    void close() throws Exception {
        sandboxes.close();
    }

    /** As root, and as a user with a user namespace. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1234})
    void noNamespacesAreMadeAndWhatIsHiddenIsEmpty(int user) throws Exception {
        assertThat(Files.isDirectory(Path.of("/root"))).isTrue();
        sandboxes.letUsersIn();
        Life life = sandboxes.prepare(JobSpec.newBuilder().setName("test").addCommand("/usr/bin/python3").addCommand("-uc").addCommand(PROGRAM).setUid(user).setGid(user).build(), "life-0");
        JobProcess job = sandboxes.start(life);
        await().atMost(TestingSandbox.SOON).until(() -> !job.isAlive());
        assertThat(TestingSandbox.log(life))
                .containsExactlyElementsOf(
                        List.of(
                                "clone 0x20000 1", "clone 0x2000000 1", "clone 0x4000000 1", "clone 0x8000000 1", "clone 0x10000000 1", "clone 0x20000000 1", "clone 0x40000000 1", "clone3 38",
                                "thread", "shell 0", "root []", "writable []"));
    }
}
