package dev.ferry.coordinator.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.common.tls.Keys;
import dev.ferry.common.tls.Pem;
import dev.ferry.coordinator.store.ForwardingStateStore;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.CreateJoinTokenRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.NodeCertificate;
import dev.ferry.proto.v1.NodeIdentity;
import dev.ferry.proto.v1.NodeKey;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NodeIdentitiesTest {
    private static final String NODE = "node-1";

    @TempDir Path folder;
    private final AtomicReference<Consumer<Object>> meanwhile = new AtomicReference<>(done -> {});
    private StateStore store;
    private CertificateAuthority authority;
    private NodeIdentities identities;

    /** A store in which something happens once between the commit of a change and its answer. */
    private record Meanwhile(StateStore store, AtomicReference<Consumer<Object>> then) implements ForwardingStateStore {
        @Override
        public <T> T transact(Function<Transaction, T> work) {
            T done = store.transact(work);
            if (done instanceof NodeCertificate || done instanceof NodeIdentity) {
                then.getAndSet(later -> {}).accept(done);
            }
            return done;
        }
    }

    @BeforeEach
    void open() throws Exception {
        store = new Meanwhile(SqliteStateStore.open(folder), meanwhile);
        authority = CertificateAuthority.create(folder.resolve("pki"));
        identities = new NodeIdentities(store, authority, Duration.ofDays(1));
    }

    @AfterEach
    void close() {
        store.close();
    }

    private static NodeKey key(String occasion) throws Exception {
        KeyPair pair = Keys.generate();
        byte[] publicKey = pair.getPublic().getEncoded();
        return NodeKey.newBuilder().setNode(NODE).setPublicKey(ByteString.copyFrom(publicKey)).setProof(ByteString.copyFrom(Keys.prove(pair.getPrivate(), NODE, occasion, publicKey))).build();
    }

    private static X509Certificate certificate(NodeCertificate given) {
        return Pem.parseCertificates(given.getPem().getBytes(StandardCharsets.US_ASCII), "the test").getFirst();
    }

    private static String serial(NodeCertificate given) {
        return NodeIdentities.serial(certificate(given));
    }

    private static NodeCertificate join(NodeIdentities identities) throws Exception {
        String token = identities.invite(CreateJoinTokenRequest.newBuilder().setNode(NODE).setLifetimeSeconds(60).build()).getToken().getId();
        return identities.join(token, key(token));
    }

    private NodeCertificate renew(String serial) throws Exception {
        return identities.renew(NODE, serial, key(serial));
    }

    private static void assertOut(ThrowingCallable call, String... words) {
        assertThatThrownBy(call).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.UNAUTHENTICATED)).hasMessageContainingAll(words);
    }

    @Test
    void theCertificateThatItRenewedWithStaysGoodUntilTheNext() throws Exception {
        String first = serial(join(identities));
        NodeCertificate second = renew(first);
        identities.requireCurrent(NODE, first);
        identities.requireCurrent(NODE, serial(second));
        assertThat(identities.node(certificate(second))).isEqualTo(NODE);
        String third = serial(renew(serial(second)));
        identities.requireCurrent(NODE, third);
        assertOut(() -> identities.requireCurrent(NODE, first), NODE);
    }

    @Test
    void aNodeThatWasRevokedBetweenARenewalAndItsAnswerIsOut() throws Exception {
        String first = serial(join(identities));
        meanwhile.set(done -> assertThat(identities.revoke(NODE).getRevokedAt()).isPositive());
        NodeCertificate second = renew(first);
        assertOut(() -> identities.requireCurrent(NODE, first), NODE);
        assertOut(() -> identities.requireCurrent(NODE, serial(second)), NODE);
        assertOut(() -> identities.node(certificate(second)), NODE);
    }

    @Test
    void aNodeWhoseRevocationWasWrittenAndNotAnsweredIsOut() throws Exception {
        String serial = serial(join(identities));
        NodeIdentities led = new NodeIdentities(store, authority, Duration.ofDays(1));
        meanwhile.set(
                done -> {
                    throw new FerryException(ErrorCode.INTERNAL, "the answer of the database was lost");
                });
        assertThatThrownBy(() -> led.revoke(NODE)).hasMessageContaining("lost");
        assertOut(() -> led.requireCurrent(NODE, serial), NODE);
    }

    @Test
    void aMachineThatJoinsInThePlaceOfAnotherIsInAsSoonAsThatIsWritten() throws Exception {
        String before = serial(join(identities));
        assertThat(identities.revoke(NODE).getRevokedAt()).isPositive();
        List<String> seen = new ArrayList<>();
        meanwhile.set(
                done -> {
                    String serial = serial((NodeCertificate) done);
                    assertThatCode(() -> identities.requireCurrent(NODE, serial)).doesNotThrowAnyException();
                    assertOut(() -> identities.requireCurrent(NODE, before), NODE);
                    seen.add(serial);
                });
        assertThat(seen).isEmpty();
        String after = serial(join(identities));
        assertThat(seen).containsExactly(after);
    }

    /** The handshake of TLS looks at it too, but a connection, or a session that is taken up again, may be older than its end. */
    @Test
    void aCertificateThatHasEndedLetsNobodyIn() throws Exception {
        NodeCertificate ended = join(new NodeIdentities(store, authority, Duration.ofMinutes(-1)));
        assertOut(() -> identities.node(certificate(ended)), NODE, "has ended", "join again");
    }
}
