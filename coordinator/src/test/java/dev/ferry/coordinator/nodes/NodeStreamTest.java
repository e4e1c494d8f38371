package dev.ferry.coordinator.nodes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Clock;
import dev.ferry.common.SystemScheduler;
import dev.ferry.coordinator.leader.Leads;
import dev.ferry.coordinator.store.ForwardingStateStore;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.FromNode;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.Resources;
import dev.ferry.proto.v1.ToNode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NodeStreamTest {
    @TempDir Path folder;

    /** A store that has something looked at at the end of each transaction. */
    private record Looking(StateStore store, Consumer<Transaction> look) implements ForwardingStateStore {
        @Override
        public <T> T transact(Function<Transaction, T> work) {
            return store.transact(
                    state -> {
                        T done = work.apply(state);
                        look.accept(state);
                        return done;
                    });
        }
    }

    /**
     * A thread that stands still after Hello was written, and before the stream is known, would leave a node that is said to be
     * up without a stream: once its lease is over that is a proof, and the Welcome that follows lets the same life run on. Found
     * by the model (docs/model.md).
     */
    @Test
    void aStreamIsKnownBeforeItsNodeIsSaidToBeUp() throws Exception {
        CommandDesk desk = new CommandDesk();
        CompletableFuture<Boolean> known = new CompletableFuture<>();
        try (StateStore store = new Looking(SqliteStateStore.open(folder), state -> state.node("node-1").ifPresent(written -> known.complete(desk.isConnected("node-1"))));
                SystemScheduler scheduler = new SystemScheduler("test");
                NodeDirectory directory = new NodeDirectory(store, desk, Duration.ofSeconds(5), new LeaseTerms(Duration.ofSeconds(5)), Clock.SYSTEM, scheduler)) {
            NodeStreams streams = new NodeStreams(store, desk, directory, new LogRelay(desk), new NodeStreams.Terms(Duration.ofSeconds(1), Duration.ofSeconds(5)), Leads.ALONE, Clock.SYSTEM, scheduler);
            NodeStream stream =
                    streams.open(
                            new NodeLine() {
                                @Override
                                public void say(ToNode message) {}

                                @Override
                                public void end() {}

                                @Override
                                public void refuse(String why) {
                                    known.completeExceptionally(new AssertionError(why));
                                }
                            });
            stream.take(FromNode.newBuilder().setHello(Hello.newBuilder().setNode("node-1")).build());
            assertThat(known.get(20, TimeUnit.SECONDS)).isTrue();
        }
    }

    private String refusal(Hello.Builder hello) throws Exception {
        CommandDesk desk = new CommandDesk();
        CompletableFuture<String> refused = new CompletableFuture<>();
        try (StateStore store = SqliteStateStore.open(folder);
                SystemScheduler scheduler = new SystemScheduler("test");
                NodeDirectory directory = new NodeDirectory(store, desk, Duration.ofSeconds(5), new LeaseTerms(Duration.ofSeconds(5)), Clock.SYSTEM, scheduler)) {
            NodeStreams streams = new NodeStreams(store, desk, directory, new LogRelay(desk), new NodeStreams.Terms(Duration.ofSeconds(1), Duration.ofSeconds(5)), Leads.ALONE, Clock.SYSTEM, scheduler);
            NodeStream stream =
                    streams.open(
                            new NodeLine() {
                                @Override
                                public void say(ToNode message) {
                                    refused.complete("taken in");
                                }

                                @Override
                                public void end() {}

                                @Override
                                public void refuse(String why) {
                                    refused.complete(why);
                                }
                            });
            stream.take(FromNode.newBuilder().setHello(hello.setNode("node-1")).build());
            String why = refused.get(20, TimeUnit.SECONDS);
            assertThat(store.<Boolean>transact(state -> state.node("node-1").isEmpty())).as("nothing of it is written").isTrue();
            assertThat(desk.isConnected("node-1")).isFalse();
            return why;
        }
    }

    /** It would be in what is computed of all nodes: no look at the queue would succeed. */
    @Test
    void aNodeThatNoMachineCanBeIsNotTakenIn() throws Exception {
        assertThat(refusal(Hello.newBuilder().setCapacity(Resources.newBuilder().setGpus(2000)))).isEqualTo("This daemon says that its node has 2000 GPUs for jobs; 0 to 1024 can be");
        assertThat(refusal(Hello.newBuilder().setCapacity(Resources.newBuilder().setCpuMillis(-4000)))).contains("-4000 thousandths of CPUs");
        assertThat(refusal(Hello.newBuilder().setCapacity(Resources.newBuilder().setMemoryBytes(Long.MAX_VALUE)))).contains(Long.MAX_VALUE + " bytes of memory");
        assertThat(refusal(Hello.newBuilder().setFacts(NodeFacts.newBuilder().addAllGpus(Collections.nCopies(1025, Gpu.getDefaultInstance()))))).contains("1025 GPUs;");
    }
}
