package dev.ferry.node.notices;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import dev.ferry.node.notices.Announcement.Deadline;
import dev.ferry.node.notices.KubernetesSource.Sign;
import dev.ferry.node.posix.Posix;
import dev.ferry.proto.v1.NoticeKind;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyStore;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a system's own programs and schedulers announce: each is played by a program or a server. */
class SystemSourcesTest {
    private static final Duration SOON = Duration.ofSeconds(10);
    private static final int SIGPWR = 30;

    @TempDir Path folder;

    private Path program(String name, String script) throws IOException {
        Path program = Files.writeString(folder.resolve(name), "#!/bin/sh\n" + script + "\n");
        return Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    // Slurm

    private static String slurm(String state, String reason) {
        return "NodeName=c1 Arch=x86_64 CoresPerSocket=1 CPUAlloc=0 NodeAddr=c1 NodeHostName=c1 Version=23.11.4 OS=Linux 6.18 RealMemory=1000 State=" + state + " ThreadsPerCore=1 Partitions=debug BootTime=2030-01-01T00:00:00 CfgTRES=cpu=1 "
                + (reason.isEmpty() ? "" : "Reason=" + reason + " ") + "Comment=(null)\n";
    }

    @Test
    void aNodeThatSlurmDrainsIsToBeEmptied() throws Exception {
        for (String state : List.of("IDLE+DRAIN", "MIXED+DRAIN", "DOWN*+DRAIN", "ALLOCATED+REBOOT_REQUESTED", "IDLE+POWERING_DOWN")) {
            Announcement said = SlurmSource.read("c1", slurm(state, "rack 7 [root@2030-01-02T03:04:05]")).getFirst();
            assertThat(said.kind()).as(state).isEqualTo(NoticeKind.MAINTENANCE);
            assertThat(said.deadline()).isEqualTo(new Deadline.Unknown());
            assertThat(said.event()).isEqualTo("drain-rack_7_root@2030-01-02T03:04:05_");
            assertThat(said.detail()).contains("rack 7 [root@2030-01-02T03:04:05]");
        }
        assertThat(SlurmSource.read("c1", slurm("IDLE+DRAIN", "")).getFirst().event()).isEqualTo("drain-DRAIN-2030-01-01T00:00:00");
    }

    @Test
    void aNodeThatWorksIsLeft() throws Exception {
        for (String state : List.of("IDLE", "MIXED", "ALLOCATED*", "IDLE+CLOUD", "DOWN*", "IDLE~", "FUTURE")) {
            assertThat(SlurmSource.read("c1", slurm(state, ""))).as(state).isEmpty();
        }
    }

    @Test
    void whatIsNotOfTheNodeIsRefused() {
        assertThatThrownBy(() -> SlurmSource.read("c2", slurm("IDLE+DRAIN", ""))).isInstanceOf(Garbage.class);
        assertThatThrownBy(() -> SlurmSource.read("c1", "slurm_load_node error: Unable to contact slurm controller")).isInstanceOf(Garbage.class);
    }

    @Test
    void scontrolIsAskedForTheNodeAndItsFailureIsNamed() throws Exception {
        Path scontrol = program("scontrol", "echo \"$@\" > " + folder.resolve("asked") + "; cat " + folder.resolve("answer"));
        Files.writeString(folder.resolve("answer"), slurm("IDLE+DRAIN", "x [root@2030-01-02T03:04:05]"));
        assertThat(new SlurmSource(scontrol.toString(), "c1", SOON).look()).hasSize(1);
        assertThat(Files.readString(folder.resolve("asked"))).isEqualTo("-o show node c1\n");
        Path broken = program("broken", "echo 'no controller'; exit 1");
        assertThatThrownBy(() -> new SlurmSource(broken.toString(), "c1", SOON).look()).isInstanceOf(IOException.class).hasMessageContaining("status 1: no controller");
    }

    // systemd

    private static final String NOTHING = "b false\nt 120000000\n(st) \"\" 18446744073709551615\n";

    @Test
    void aShutdownThatHasBegunIsFinalAndOneThatIsPlannedIsMaintenance() throws Exception {
        assertThat(LogindSource.read(NOTHING, "boot")).isEmpty();
        assertThat(LogindSource.read("b false\nt 5000000\n(st) \"dry-poweroff\" 1893553445000000\n", "boot")).isEmpty();
        assertThat(LogindSource.read("b true\nt 5000000\n(st) \"\" 0\n", "boot")).containsExactly(new Announcement("shutdown-boot", NoticeKind.FINAL, new Deadline.After(Duration.ofSeconds(5)), 1, "the system is shutting down"));
        assertThat(LogindSource.read("b false\nt 5000000\n(st) \"reboot\" 1893553445000000\n", "boot"))
                .containsExactly(new Announcement("planned-1893553445000000", NoticeKind.MAINTENANCE, new Deadline.At(Instant.ofEpochSecond(1893553445L)), 1, "planned: reboot"));
        assertThatThrownBy(() -> LogindSource.read("b false\n", "boot")).isInstanceOf(Garbage.class);
    }

    private long held() {
        try (var locks = Files.list(folder)) {
            return locks.filter(file -> file.getFileName().toString().startsWith("lock-")).count();
        } catch (IOException gone) {
            throw new AssertionError(gone);
        }
    }

    @Test
    void theLockIsHeldUntilTheNodeIsEmptyAndTakenAgainAfterwards() throws Exception {
        Path answer = Files.writeString(folder.resolve("answer"), NOTHING);
        Path busctl = program("busctl", "cat " + answer);
        Path inhibit = program("inhibit", "for last; do :; done; touch " + folder + "/lock-$$; $last; rm " + folder + "/lock-$$");
        LogindSource source = new LogindSource(busctl.toString(), inhibit.toString(), "boot");
        try {
            assertThat(source.look()).isEmpty();
            await().atMost(SOON).until(() -> held() == 1);
            Files.writeString(answer, "b true\nt 5000000\n(st) \"\" 0\n");
            assertThat(source.look()).extracting(Announcement::event).containsExactly("shutdown-boot");
            assertThat(held()).as("the system waits").isEqualTo(1);
            source.settled("shutdown-boot");
            await().atMost(SOON).until(() -> held() == 0);
            assertThat(source.look()).hasSize(1);
            assertThat(held()).as("it is not held again in the same shutdown").isZero();
            Files.writeString(answer, NOTHING);
            assertThat(source.look()).isEmpty();
            await().atMost(SOON).until(() -> held() == 1);
        } finally {
            source.close();
        }
        await().atMost(SOON).until(() -> held() == 0);
    }

    // Kubernetes

    private static final List<Sign> SIGNS = List.of(sign("ToBeDeletedByClusterAutoscaler=final"), sign("example.org/advice=advisory"), sign("condition:KernelDeadlock=maintenance"));

    private static Sign sign(String text) {
        return Sign.parse(text).orElseThrow();
    }

    private static String kubernetes(String taints, String conditions) {
        return "{\"kind\": \"Node\", \"apiVersion\": \"v1\", \"metadata\": {\"name\": \"worker-1\"}, \"spec\": {\"taints\": [" + taints + "]}, \"status\": {\"conditions\": [{\"type\": \"Ready\", \"status\": \"True\"}, " + conditions + "]}}";
    }

    private static final String DEADLOCK = "{\"type\": \"KernelDeadlock\", \"status\": \"%s\", \"reason\": \"AUFSUmountHung\", \"lastTransitionTime\": \"2030-01-02T03:04:05Z\"}";

    @Test
    void taintsAndConditionsThatAreConfiguredAnnounce() throws Exception {
        String other = "{\"key\": \"node.kubernetes.io/unschedulable\", \"effect\": \"NoSchedule\"}";
        assertThat(KubernetesSource.read("worker-1", kubernetes(other, DEADLOCK.formatted("False")), SIGNS)).isEmpty();
        String deleted = "{\"key\": \"ToBeDeletedByClusterAutoscaler\", \"value\": \"1893553445\", \"effect\": \"NoSchedule\"}";
        assertThat(KubernetesSource.read("worker-1", kubernetes(other + ", " + deleted, DEADLOCK.formatted("True")), SIGNS))
                .containsExactly(
                        new Announcement("taint-ToBeDeletedByClusterAutoscaler-1893553445", NoticeKind.FINAL, new Deadline.Unknown(), 1, "Kubernetes: taint ToBeDeletedByClusterAutoscaler=1893553445"),
                        new Announcement("condition-KernelDeadlock-2030-01-02T03:04:05Z", NoticeKind.MAINTENANCE, new Deadline.Unknown(), 1, "Kubernetes: condition KernelDeadlock: AUFSUmountHung"));
        assertThatThrownBy(() -> KubernetesSource.read("worker-2", kubernetes("", DEADLOCK.formatted("False")), SIGNS)).isInstanceOf(Garbage.class);
        assertThatThrownBy(() -> KubernetesSource.read("worker-1", "{\"kind\": \"Status\"}", SIGNS)).isInstanceOf(Garbage.class);
    }

    @Test
    void whatIsNoSignIsNotTaken() {
        for (String text : List.of("key", "=final", "key=soon", "a b=final", "condition:=final")) {
            assertThat(Sign.parse(text)).as(text).isEmpty();
        }
    }

    /** As the API server: behind TLS of its own authority, with a token that is renewed. */
    @Test
    void theApiServerIsAskedByTokenAndAuthority() throws Exception {
        Path store = folder.resolve("server.p12");
        Path authority = folder.resolve("ca.crt");
        Path keytool = Path.of(System.getProperty("java.home"), "bin", "keytool");
        run(keytool + " -genkeypair -alias server -keyalg EC -dname CN=played -ext san=ip:127.0.0.1 -validity 2 -storetype PKCS12 -storepass secret -keystore " + store);
        run(keytool + " -exportcert -rfc -alias server -storepass secret -keystore " + store + " -file " + authority);
        AtomicReference<String> answer = new AtomicReference<>(kubernetes("", DEADLOCK.formatted("False")));
        AtomicReference<String> asked = new AtomicReference<>("");
        AtomicInteger status = new AtomicInteger(200);
        HttpServer server = serve(store, answer, asked, status);
        Path token = Files.writeString(folder.resolve("token"), "first\n");
        try (MetadataClient client = new MetadataClient("https://127.0.0.1:" + server.getAddress().getPort(), authority)) {
            KubernetesSource source = new KubernetesSource(client, "worker-1", token, SIGNS, SOON);
            assertThat(source.look()).isEmpty();
            assertThat(asked.get()).isEqualTo("GET /api/v1/nodes/worker-1 Bearer first");
            Files.writeString(token, "second");
            answer.set(kubernetes("{\"key\": \"example.org/advice\", \"effect\": \"NoSchedule\"}", DEADLOCK.formatted("False")));
            assertThat(source.look()).extracting(Announcement::kind).containsExactly(NoticeKind.ADVISORY);
            assertThat(asked.get()).endsWith("Bearer second");
            status.set(403);
            assertThatThrownBy(source::look).isInstanceOf(IOException.class).hasMessageContaining("403");
        }
        try (MetadataClient stranger = new MetadataClient("https://127.0.0.1:" + server.getAddress().getPort())) {
            assertThatThrownBy(() -> new KubernetesSource(stranger, "worker-1", token, SIGNS, SOON).look()).as("its authority is not the system's").isInstanceOf(IOException.class);
        } finally {
            server.stop(0);
        }
    }

    private static HttpServer serve(Path store, AtomicReference<String> answer, AtomicReference<String> asked, AtomicInteger status) throws Exception {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream content = Files.newInputStream(store)) {
            keys.load(content, "secret".toCharArray());
        }
        KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(keys, "secret".toCharArray());
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        HttpsServer server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(context));
        server.createContext(
                "/",
                exchange -> {
                    asked.set(exchange.getRequestMethod() + " " + exchange.getRequestURI() + " " + exchange.getRequestHeaders().getFirst("Authorization"));
                    byte[] said = answer.get().getBytes(StandardCharsets.UTF_8);
                    exchange.sendResponseHeaders(status.get(), said.length);
                    exchange.getResponseBody().write(said);
                    exchange.close();
                });
        server.start();
        return server;
    }

    private static void run(String command) throws Exception {
        Process process = new ProcessBuilder(command.split(" ")).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
    }

    // A signal

    @Test
    void aSignalAnnouncesTheEndOnceAndStands() throws Exception {
        SignalSource source = new SignalSource("PWR");
        assertThat(source.look()).as("the first look does not wait").isEmpty();
        Posix.kill((int) ProcessHandle.current().pid(), SIGPWR);
        List<Announcement> said = source.look();
        assertThat(said).singleElement().satisfies(one -> {
            assertThat(one.kind()).isEqualTo(NoticeKind.FINAL);
            assertThat(one.deadline()).isEqualTo(new Deadline.Unknown());
            assertThat(one.detail()).contains("PWR");
        });
        Posix.kill((int) ProcessHandle.current().pid(), SIGPWR);
        assertThat(source.look()).isEqualTo(said);
    }
}
