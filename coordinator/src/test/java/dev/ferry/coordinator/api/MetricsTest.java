package dev.ferry.coordinator.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.coordinator.access.CertificateAuthority;
import dev.ferry.coordinator.leader.Leads;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What alerts are made of. */
class MetricsTest {
    @TempDir Path folder;
    private final AtomicLong collected = new AtomicLong();
    private StateStore store;
    private CertificateAuthority authority;
    private Metrics metrics;

    @BeforeEach
    void open() throws Exception {
        store = SqliteStateStore.open(folder.resolve("data"));
        authority = CertificateAuthority.create(folder.resolve("pki"));
        metrics = new Metrics(store, Leads.ALONE, collected::get, Map.of("ca", authority::certificate));
    }

    @AfterEach
    void close() {
        store.close();
    }

    private double value(String name) {
        String line = metrics.scrape().lines().filter(each -> each.startsWith(name + " ")).findFirst().orElseThrow();
        return Double.parseDouble(line.substring(name.length() + 1));
    }

    private void put(Node.Builder node) {
        boolean ignored =
                store.transact(
                        state -> {
                            state.put(node.build());
                            return true;
                        });
    }

    @Test
    void theAgeOfTheOldestOpenOperationIsTold() {
        assertThat(value("ferry_operation_oldest_seconds")).isZero();
        store.transact(
                state -> {
                    state.put(Operation.newBuilder().setId("op-1").setState(OperationState.OPEN).setStartedAt(state.now() - 90_000).build());
                    state.put(Operation.newBuilder().setId("op-2").setState(OperationState.OPEN).setStartedAt(state.now() - 5_000).build());
                    return state.put(Operation.newBuilder().setId("op-3").setState(OperationState.SUCCEEDED).setStartedAt(state.now() - 900_000).build());
                });
        assertThat(value("ferry_operation_oldest_seconds")).isBetween(90.0, 120.0);
    }

    @Test
    void failingGpusAndNodesWithoutTheStoreAreCountedUnlessTheirNodeIsDead() {
        NodeFacts.Builder facts = NodeFacts.newBuilder().addGpus(Gpu.newBuilder().setUuid("GPU-1").setSick("Xid 79")).addGpus(Gpu.newBuilder().setUuid("GPU-2"));
        put(Node.newBuilder().setName("node-1").setState(NodeState.READY).setFacts(facts));
        put(Node.newBuilder().setName("node-2").setState(NodeState.READY).setStoreProblem("its store is another one"));
        put(Node.newBuilder().setName("node-3").setState(NodeState.DEAD).setFacts(facts).setStoreProblem("its store is another one"));
        assertThat(value("ferry_gpus_failing")).isEqualTo(1);
        assertThat(value("ferry_nodes_without_store")).isEqualTo(1);
    }

    @Test
    void leaderCollectionAndCertificatesAreTold() {
        assertThat(value("ferry_leader")).isEqualTo(1);
        assertThat(metrics.scrape()).doesNotContain("ferry_store_collection_last_success_timestamp_seconds ");
        collected.set(1_800_000_000_500L);
        assertThat(value("ferry_store_collection_last_success_timestamp_seconds")).isEqualTo(1_800_000_000.5);
        assertThat(value("ferry_certificate_expires_timestamp_seconds{of=\"ca\"}")).isEqualTo(authority.certificate().getNotAfter().getTime() / 1000.0);
    }
}
