package dev.ferry.node.criu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.FerryException;
import dev.ferry.common.testing.GeneratedPart;
import dev.ferry.node.criu.TestingSandbox.Life;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Mount;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.awaitility.core.ConditionTimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** What a job may hold when it is moved: each thing is held by a real job, saved, brought back and checked by the job. The table of docs/support.md. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class SupportIT {
    private static final Duration SOON = TestingSandbox.SOON;
    private static final int USER = 1234;

    /** One row: the name of a feature in support.py, and what it is. */
    record Feature(String name, String description) {
        @Override
        public String toString() {
            return name;
        }
    }

    static final List<Feature> FEATURES =
            List.of(
                    new Feature("large_memory", "200 MiB of memory, checked page by page"),
                    new Feature("threads", "8 threads"),
                    new Feature("child_processes", "child processes, connected by pipes"),
                    new Feature("zombie", "a zombie whose status nobody has taken"),
                    new Feature("stopped_child", "a child that is stopped by SIGSTOP"),
                    new Feature("session_and_process_group", "sessions and process groups"),
                    new Feature("shared_memory_between_processes", "anonymous shared memory of parent and child"),
                    new Feature("system_v_shared_memory", "System V shared memory"),
                    new Feature("posix_shared_memory", "POSIX shared memory (/dev/shm)"),
                    new Feature("memfd", "a sealed memfd"),
                    new Feature("open_file", "an open file with its offset"),
                    new Feature("appended_file", "a file that is appended to"),
                    new Feature("deleted_file", "an open file that was deleted"),
                    new Feature("large_deleted_file", "an open file of 64 MiB that was deleted"),
                    new Feature("mapped_file", "a file mapped shared and writable"),
                    new Feature("flock", "a lock by flock"),
                    new Feature("posix_lock", "a lock by fcntl"),
                    new Feature("file_of_a_mount", "an open file of a mount from outside (--mount); its content is not in the image"),
                    new Feature("pipe_with_data", "a pipe with data in it"),
                    new Feature("fifo", "a FIFO with data in it"),
                    new Feature("unix_socket_pair", "a unix socket pair with data in it"),
                    new Feature("unix_socket_with_a_name", "a listening unix socket with a name"),
                    new Feature("tcp_connection", "a TCP connection inside the sandbox, data in flight"),
                    new Feature("tcp_connection_over_ipv6", "the same over IPv6"),
                    new Feature("tcp_data_not_sent", "a TCP connection with data that its sender could not send yet"),
                    new Feature("tcp_data_being_sent", "TCP connections on which the kernel goes on sending while the job is frozen"),
                    new Feature("udp_socket", "UDP sockets"),
                    new Feature("epoll", "epoll"),
                    new Feature("eventfd", "eventfd"),
                    new Feature("timerfd", "timerfd"),
                    new Feature("timerfd_that_fired", "a periodic timerfd that fires while the job is frozen"),
                    new Feature("signalfd", "signalfd with a signal pending"),
                    new Feature("inotify", "inotify"),
                    new Feature("interval_timer", "an interval timer (setitimer)"),
                    new Feature("pseudo_terminal", "a pseudo terminal with its settings"),
                    new Feature("other_user", "a job of another user (--user)"),
                    new Feature("io_uring", "a program that tries io_uring first: it is refused with ENOSYS, and the program takes another way"),
                    new Feature("vsock", "a socket of an address family that CRIU does not know"));

    /** What CRIU brings back wrong; a test fails when it does not any more, too. */
    private static final Map<String, String> FAULTS = Map.of("timerfd_that_fired", "comes back disarmed: CRIU 4.2 restores what is left of the current period, which is nothing");
    private static final Duration FAULT_SHOWS = Duration.ofSeconds(3);

    private final CriuBinary criu = CriuBinary.find(null);
    private final Map<String, String> outcomes = new ConcurrentHashMap<>();
    private Path folder;
    private TestingSandbox sandboxes;

    @BeforeEach
    void open(@TempDir Path fresh) throws Exception {
        folder = fresh;
        sandboxes = new TestingSandbox(fresh);
    }

    @AfterEach
    void close() throws Exception {
        sandboxes.close();
    }

    @Order(1)
    @ParameterizedTest(name = "{0}")
    @FieldSource("FEATURES")
    void moves(Feature feature) throws Exception {
        JobSpec.Builder spec = sandboxes.python("support.py", feature.name()).toBuilder();
        Path outside = Files.createDirectory(folder.resolve("outside"));
        Files.writeString(outside.resolve("file"), "from outside");
        spec.addMounts(Mount.newBuilder().setSource(outside.toString()).setDestination("/mounted").setReadOnly(true));
        if (feature.name().equals("other_user")) {
            spec.setUid(USER).setGid(USER);
            sandboxes.letUsersIn();
        }
        Life life = sandboxes.prepare(spec.build(), "life-0");
        JobProcess job = sandboxes.start(life);
        awaitSteps(life, 3);
        TestingImage image = new TestingImage();
        life.cgroup().freeze(SOON);
        try {
            TestingSandbox.dump(criu, "dump", job, life, image);
        } catch (FerryException refused) {
            life.cgroup().thaw(SOON);
            awaitSteps(life, TestingSandbox.log(life).size() + 2);
            outcomes.put(feature.name(), "refused, the job runs on: " + refused.code());
            return;
        }
        Life next = sandboxes.copy(life, "life-1");
        job.kill(life.cgroup(), SOON);
        int steps = TestingSandbox.log(next).size();
        JobProcess restored = TestingSandbox.restore(criu, "restore", next, image);
        if (FAULTS.containsKey(feature.name())) {
            assertThatThrownBy(() -> awaitSteps(next, steps + 3, FAULT_SHOWS)).isInstanceOf(ConditionTimeoutException.class);
        } else {
            awaitSteps(next, steps + 3);
        }
        restored.kill(next.cgroup(), SOON);
        outcomes.put(feature.name(), FAULTS.getOrDefault(feature.name(), "moves"));
    }

    private static void awaitSteps(Life life, int count) {
        awaitSteps(life, count, SOON);
    }

    private static void awaitSteps(Life life, int count, Duration atMost) {
        await().atMost(atMost).until(() -> TestingSandbox.log(life).stream().filter(line -> line.startsWith("step ")).count() >= count);
    }

    @Test
    @Order(2)
    void theTableSaysWhatHappened() throws Exception {
        assertThat(outcomes.keySet()).as("every feature was tried").containsAll(FEATURES.stream().map(Feature::name).toList());
        StringBuilder table = new StringBuilder("| What the job holds | What happens |\n| --- | --- |\n");
        FEATURES.forEach(feature -> table.append("| ").append(feature.description()).append(" | ").append(outcomes.get(feature.name())).append(" |\n"));
        GeneratedPart.check("support.md", SupportIT.class, table.toString());
    }
}
