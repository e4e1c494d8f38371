package dev.ferry.cli.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.cli.Ferry;
import dev.ferry.cli.StandInCoordinator;
import dev.ferry.proto.v1.Accounting;
import dev.ferry.proto.v1.AccountingChange;
import dev.ferry.proto.v1.AccountsGrpc;
import dev.ferry.proto.v1.ChangeAccountingRequest;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Lists that are taken back, and lists that may not be meant. */
class ClearedListsTest {
    private final Accounts accounts = new Accounts();

    private Ferry.Said say(String... words) throws Exception {
        try (StandInCoordinator coordinator = StandInCoordinator.of(accounts)) {
            List<String> all = new ArrayList<>(List.of(words));
            all.addAll(List.of("--server", coordinator.address()));
            return Ferry.ferry(all.toArray(String[]::new));
        }
    }

    @Test
    void aWordClearsAList() throws Exception {
        assertThat(say("partition", "modify", "debug", "--nodes", "all").status()).isZero();
        assertThat(say("qos", "modify", "high", "--preempts", "none").status()).isZero();
        assertThat(accounts.asked.get(0).getClearList()).containsExactly("nodes");
        assertThat(accounts.asked.get(0).getPartition().getNodesList()).isEmpty();
        assertThat(accounts.asked.get(1).getClearList()).containsExactly("preempts");
        assertThat(accounts.asked.get(1).getQos().getPreemptsList()).isEmpty();
    }

    @Test
    void theWordStandsAlone() throws Exception {
        assertThat(say("partition", "modify", "debug", "--nodes", "all,node-1").error()).contains("INVALID_ARGUMENT");
        assertThat(accounts.asked).isEmpty();
    }

    @Test
    void whatMayNotBeMeantIsSaid() throws Exception {
        Ferry.Said said = say("partition", "modify", "debug", "--nodes", "nod-1");
        assertThat(said.error()).isEqualTo("ferry: there is no node 'nod-1'\n");
        assertThat(said.status()).isZero();
    }

    private static final class Accounts extends AccountsGrpc.AccountsImplBase {
        private final List<AccountingChange> asked = new ArrayList<>();

        @Override
        public void changeAccounting(ChangeAccountingRequest request, StreamObserver<Accounting> to) {
            asked.addAll(request.getChangesList());
            Accounting.Builder after = Accounting.newBuilder();
            request.getChangesList().stream().flatMap(change -> change.getPartition().getNodesList().stream()).forEach(node -> after.addWarnings("there is no node '" + node + "'"));
            to.onNext(after.build());
            to.onCompleted();
        }
    }
}
