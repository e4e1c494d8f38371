package dev.ferry.coordinator.access;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.common.tls.Keys;
import dev.ferry.common.tls.NodeNames;
import dev.ferry.coordinator.store.RecordKind;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.CreateJoinTokenRequest;
import dev.ferry.proto.v1.CreateJoinTokenResponse;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JoinToken;
import dev.ferry.proto.v1.JoinTokenRecord;
import dev.ferry.proto.v1.NodeCertificate;
import dev.ferry.proto.v1.NodeIdentity;
import dev.ferry.proto.v1.NodeKey;
import dev.ferry.common.tls.Pem;
import java.security.GeneralSecurityException;
import java.security.PublicKey;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

/**
 * Which machines are nodes. A machine joins once by a token under a name, and from then on has that name by its
 * certificate; nobody joins under the name of another unless the token says so.
 */
public final class NodeIdentities {
    private static final RecordKind<JoinTokenRecord> TOKEN = RecordKind.of("join-token", JoinTokenRecord.parser(), record -> record.getToken().getId());
    private static final RecordKind<NodeIdentity> IDENTITY = RecordKind.of("node-identity", NodeIdentity.parser(), NodeIdentity::getNode);
    private static final Duration LONGEST = Duration.ofDays(7);
    private static final String NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,62}";

    private final StateStore store;
    private final CertificateAuthority authority;
    private final Duration lifetime;
    /** Nodes whose identity may have changed since this coordinator leads: streams that were opened before are looked up again. */
    private final Set<String> changed = ConcurrentHashMap.newKeySet();
    /** What was read of those, so that a stream that goes on does not ask the database each time. */
    private final Map<String, Seen> seen = new ConcurrentHashMap<>();
    /** How often identities have been written, whatever came of it: what was read before is read again. */
    private final AtomicLong writes = new AtomicLong();

    /**
     * @param serials that let a node in
     * @param writes how many there were before it was read
     */
    private record Seen(Set<String> serials, long writes) {}

    /**
     * @param lifetime of a node's certificate
     */
    public NodeIdentities(StateStore store, CertificateAuthority authority, Duration lifetime) {
        this.store = store;
        this.authority = authority;
        this.lifetime = lifetime;
    }

    /**
     * Makes a token by which one machine may join.
     *
     * @throws FerryException INVALID_ARGUMENT
     */
    public CreateJoinTokenResponse invite(CreateJoinTokenRequest request) {
        if (!request.getNode().isEmpty() && !request.getNode().matches(NAME)) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "'" + request.getNode() + "' is not a node's name");
        }
        if (request.getLifetimeSeconds() < 1 || request.getLifetimeSeconds() > LONGEST.toSeconds()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "A join token's lifetime must be between 1 s and " + LONGEST.toDays() + " days");
        }
        Secrets.Made made = Secrets.make(Secrets.JOIN);
        return store.transact(
                state -> {
                    JoinToken token =
                            JoinToken.newBuilder()
                                    .setId(made.id())
                                    .setNode(request.getNode())
                                    .setCreatedAt(state.now())
                                    .setExpiresAt(state.now() + Duration.ofSeconds(request.getLifetimeSeconds()).toMillis())
                                    .setCreatedBy(Caller.current().name())
                                    .build();
                    state.put(TOKEN, JoinTokenRecord.newBuilder().setToken(token).setSecretSha256(ByteString.copyFrom(made.hash())).build());
                    return CreateJoinTokenResponse.newBuilder().setToken(token).setSecret(made.text() + "_" + Keys.fingerprint(authority.certificate())).build();
                });
    }

    /**
     * The id of a join token.
     *
     * @throws FerryException UNAUTHENTICATED
     */
    String authenticate(String text) {
        Secrets.Shown shown = Secrets.parse(Secrets.JOIN, text);
        return store.transact(state -> state.record(TOKEN, shown.id()))
                .filter(record -> shown.hasHash(record.getSecretSha256()))
                .map(record -> record.getToken().getId())
                .orElseThrow(() -> new FerryException(ErrorCode.UNAUTHENTICATED, "The join token is not known here"));
    }

    /**
     * Makes a machine a node. If the answer is lost, the machine needs another token.
     *
     * @param token id of the join token that it showed
     * @throws FerryException JOIN_REFUSED
     */
    public NodeCertificate join(String token, NodeKey asked) {
        if (!asked.getNode().matches(NAME)) {
            throw refused("'" + asked.getNode() + "' is not a node's name");
        }
        PublicKey key = proven(asked, token);
        String used = Keys.sha256(key.getEncoded());
        List<X509Certificate> chain = authority.node(key, asked.getNode(), lifetime);
        return write(
                state -> {
                    JoinTokenRecord record = state.record(TOKEN, token).orElseThrow(() -> refused("The join token is gone"));
                    requireUsable(state, record, asked.getNode());
                    state.put(TOKEN, record.toBuilder().setUsedByKey(used).setUsedAt(state.now()).build());
                    put(state, NodeIdentity.newBuilder().setNode(asked.getNode()).setJoinedAt(state.now()).addSerials(serial(chain)).build());
                    return certificate(chain);
                });
    }

    /** Notes the change before it can be on disk: its answer may be lost, or come after that of a later one. */
    private void put(Transaction state, NodeIdentity identity) {
        boolean ignored = changed.add(identity.getNode());
        state.put(IDENTITY, identity);
    }

    private static void requireUsable(Transaction state, JoinTokenRecord record, String node) {
        JoinToken token = record.getToken();
        if (state.now() >= token.getExpiresAt()) {
            throw refused("The join token has expired");
        }
        if (!token.getNode().isEmpty() && !token.getNode().equals(node)) {
            throw refused("The join token is for node '" + token.getNode() + "', not for '" + node + "'");
        }
        // By the same machine too: else who has joined once could take any name.
        if (!record.getUsedByKey().isEmpty()) {
            throw refused("The join token was used before");
        }
        if (token.getNode().isEmpty() && state.record(IDENTITY, node).isPresent()) {
            throw refused("There is a node '" + node + "'; a token made with --node " + node + " lets a machine take its place");
        }
    }

    /**
     * A new certificate for a node that has one.
     *
     * @throws FerryException JOIN_REFUSED
     */
    public NodeCertificate renew(String node, String serial, NodeKey asked) {
        if (!asked.getNode().equals(node)) {
            throw refused("Node '" + node + "' asks for the certificate of '" + asked.getNode() + "'");
        }
        PublicKey key = proven(asked, serial);
        List<X509Certificate> chain = authority.node(key, node, lifetime);
        return write(
                state -> {
                    NodeIdentity identity = state.record(IDENTITY, node).filter(known -> isShown(known, serial)).orElseThrow(() -> refused("Node '" + node + "' was revoked"));
                    // The one that it asked with stays good: the answer may be lost.
                    put(state, identity.toBuilder().clearSerials().addSerials(serial).addSerials(serial(chain)).build());
                    return certificate(chain);
                });
    }

    /**
     * Whether a node that was let in would still be.
     *
     * @throws FerryException UNAUTHENTICATED
     */
    void requireCurrent(String node, String serial) {
        if (changed.contains(node) && !serials(node).contains(serial)) {
            throw new FerryException(ErrorCode.UNAUTHENTICATED, "The certificate of node '" + node + "' was revoked or replaced meanwhile");
        }
    }

    private Set<String> serials(String node) {
        Seen known = seen.get(node);
        long now = writes.get();
        if (known == null || known.writes != now) {
            Optional<NodeIdentity> identity = store.transact(state -> state.record(IDENTITY, node));
            known = new Seen(identity.map(NodeIdentities::letIn).orElse(Set.of()), now);
            seen.put(node, known);
        }
        return known.serials;
    }

    /** What is written counts from now on, also where the database did not say that it is. */
    private <T> T write(Function<Transaction, T> change) {
        try {
            return store.transact(change);
        } finally {
            long ignored = writes.incrementAndGet();
        }
    }

    private static PublicKey proven(NodeKey asked, String occasion) {
        try {
            PublicKey key = Keys.publicKey(asked.getPublicKey().toByteArray());
            if (Keys.isProven(key, asked.getNode(), occasion, asked.getProof().toByteArray())) {
                return key;
            }
            throw refused("Node '" + asked.getNode() + "' does not prove that the key is its own");
        } catch (GeneralSecurityException malformed) {
            throw refused("Node '" + asked.getNode() + "' sends what is no key: " + malformed.getMessage());
        }
    }

    private static FerryException refused(String message) {
        return new FerryException(ErrorCode.JOIN_REFUSED, message);
    }

    private static String serial(List<X509Certificate> chain) {
        return serial(chain.getFirst());
    }

    static String serial(X509Certificate certificate) {
        return certificate.getSerialNumber().toString(16);
    }

    private static NodeCertificate certificate(List<X509Certificate> chain) {
        return NodeCertificate.newBuilder().setPem(Pem.certificates(chain)).build();
    }

    /** The serial numbers by which a node is let in. */
    private static Set<String> letIn(NodeIdentity identity) {
        return identity.getRevokedAt() == 0 ? Set.copyOf(identity.getSerialsList()) : Set.of();
    }

    private static boolean isShown(NodeIdentity identity, String serial) {
        return letIn(identity).contains(serial);
    }

    private static boolean isCurrent(Transaction state, String node, String serial) {
        return state.record(IDENTITY, node).filter(known -> isShown(known, serial)).isPresent();
    }

    /**
     * The node that shows a certificate of this authority.
     *
     * @throws FerryException UNAUTHENTICATED when it is no node's, not its present one, or has ended
     */
    String node(X509Certificate certificate) {
        String node = NodeNames.of(certificate).orElseThrow(() -> new FerryException(ErrorCode.UNAUTHENTICATED, "The certificate is not a node's"));
        return store.transact(
                state -> {
                    if (!isCurrent(state, node, serial(certificate))) {
                        throw new FerryException(ErrorCode.UNAUTHENTICATED, "The certificate of node '" + node + "' was revoked or replaced; it must join again");
                    }
                    // TLS looks at it when a connection begins; one that goes on, or a session that is taken up again, may be older.
                    if (state.now() > certificate.getNotAfter().getTime()) {
                        throw new FerryException(
                                ErrorCode.UNAUTHENTICATED, "The certificate of node '" + node + "' has ended at " + certificate.getNotAfter().toInstant() + "; the machine must join again, by a new join token");
                    }
                    return node;
                });
    }

    /**
     * Lets a node in no more, until a machine joins under its name by a token for it.
     *
     * @throws FerryException NODE_NOT_FOUND
     */
    public NodeIdentity revoke(String node) {
        return write(
                state -> {
                    NodeIdentity identity = state.record(IDENTITY, node).orElseThrow(() -> new FerryException(ErrorCode.NODE_NOT_FOUND, "No node has joined under the name '" + node + "'"));
                    NodeIdentity revoked = identity.toBuilder().setRevokedAt(state.now()).build();
                    put(state, revoked);
                    return revoked;
                });
    }

    /** The same for one that may never have joined. */
    public void revokeIfKnown(String node) {
        if (store.transact(state -> state.record(IDENTITY, node)).filter(known -> known.getRevokedAt() == 0).isPresent()) {
            NodeIdentity ignored = revoke(node);
        }
    }
}
