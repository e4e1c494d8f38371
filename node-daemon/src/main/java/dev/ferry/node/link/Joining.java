package dev.ferry.node.link;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.ferry.common.DurableFile;
import dev.ferry.common.FerryException;
import dev.ferry.common.tls.Keys;
import dev.ferry.common.tls.Pem;
import dev.ferry.common.tls.PinnedAuthority;
import dev.ferry.proto.v1.AccessGrpc;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.NodeCertificate;
import dev.ferry.proto.v1.NodeKey;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How a machine becomes a node, by a join token, and stays one, by a new certificate in time. */
public final class Joining {
    /** Kind, id and secret, which the coordinator knows; then the authority's fingerprint, by which we know it. */
    private static final Pattern TOKEN = Pattern.compile("(ferryjoin_([a-z2-9]{10})_[A-Za-z0-9_-]{43})_([0-9a-f]{64})");
    private static final Metadata.Key<String> AUTHORIZATION = Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    private static final Metadata.Key<byte[]> ERROR = Metadata.Key.of("ferry-error-bin", Metadata.BINARY_BYTE_MARSHALLER);
    private static final long PATIENCE_SECONDS = 20;
    /** Names the token that was shown last. */
    private static final String SHOWN = "joined-by";

    private static final Logger LOG = LoggerFactory.getLogger(Joining.class);

    private Joining() {}

    /**
     * Joins under a name and keeps what it got in a folder.
     *
     * @throws FerryException JOIN_REFUSED, COORDINATOR_UNREACHABLE
     */
    public static Membership join(Path folder, String node, String coordinators, String token) throws IOException {
        Membership joined = whoeverLeads(coordinators, coordinator -> joinAt(folder, node, coordinator, token));
        shown(folder, token);
        return joined;
    }

    /**
     * The node's place: the one that it has, or a new one where its configuration holds a token that it has not shown yet, as after
     * its certificate was revoked.
     *
     * @param token empty: there is none
     * @throws FerryException JOIN_REFUSED, COORDINATOR_UNREACHABLE when it has no place that is good
     */
    public static Membership ensure(Path folder, String node, String coordinators, String token) throws IOException {
        Optional<Membership> held = Membership.open(folder);
        boolean good = held.isPresent() && held.get().end().isAfter(Instant.now());
        if (held.isPresent() && (token.isEmpty() || (good && isShown(folder, token)))) {
            return held.get();
        }
        if (token.isEmpty()) {
            throw new FerryException(ErrorCode.JOIN_REFUSED, "Node " + node + " has no certificate yet: give it a joinToken, use `ferry node join`, or, for a coordinator without TLS, write tls: false");
        }
        try {
            return join(folder, node, coordinators, token);
        } catch (FerryException refused) {
            if (!good) {
                throw refused;
            }
            LOG.warn("node {} does not join anew by its joinToken, and keeps the certificate that it has: {}", node, refused.getMessage());
            if (refused.code() == ErrorCode.JOIN_REFUSED) {
                shown(folder, token);
            }
            return held.get();
        }
    }

    /** Of a token its public part. */
    private static String id(String token) {
        Matcher parts = TOKEN.matcher(token.strip());
        return parts.matches() ? parts.group(2) : "";
    }

    private static boolean isShown(Path folder, String token) throws IOException {
        Path file = folder.resolve(SHOWN);
        return Files.exists(file) && Files.readString(file).strip().equals(id(token));
    }

    /** A token is good for once: it is not shown again at each start. */
    private static void shown(Path folder, String token) throws IOException {
        DurableFile.writePrivate(folder.resolve(SHOWN), (id(token) + "\n").getBytes(StandardCharsets.US_ASCII));
    }

    /** Something that is asked of a coordinator. */
    private interface Asking<T> {
        T of(String coordinator) throws IOException;
    }

    /** Asks one after the other until one leads. */
    private static <T> T whoeverLeads(String coordinators, Asking<T> asking) throws IOException {
        FerryException last = new FerryException(ErrorCode.COORDINATOR_UNREACHABLE, "There is no coordinator at '" + coordinators + "'");
        for (String coordinator : coordinators.split(",", -1)) {
            try {
                return asking.of(coordinator.strip());
            } catch (FerryException failed) {
                if (failed.code() != ErrorCode.COORDINATOR_UNREACHABLE && failed.code() != ErrorCode.NOT_LEADER) {
                    throw failed;
                }
                last = failed;
            }
        }
        throw last;
    }

    private static Membership joinAt(Path folder, String node, String coordinator, String token) throws IOException {
        Matcher parts = TOKEN.matcher(token.strip());
        if (!parts.matches()) {
            throw new FerryException(ErrorCode.JOIN_REFUSED, "That is not a join token; `ferry admin join-token` makes one");
        }
        X509Certificate authority = authority(coordinator, parts.group(3));
        KeyPair pair = Keys.generate();
        Metadata headers = new Metadata();
        headers.put(AUTHORIZATION, "Bearer " + parts.group(1));
        ManagedChannel channel = Membership.secured(coordinator, authority, Optional.empty());
        try {
            NodeKey asked = key(pair, pair.getPrivate(), node, parts.group(2));
            return Membership.create(folder, authority, pair.getPrivate(), ask(channel, coordinator, stub -> stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers)).joinNode(asked)));
        } finally {
            channel.shutdownNow();
        }
    }

    private static X509Certificate authority(String coordinator, String fingerprint) {
        int colon = coordinator.lastIndexOf(':');
        String host = coordinator.substring(0, colon).replaceAll("^\\[|\\]$", "");
        try {
            return PinnedAuthority.learn(InetSocketAddress.createUnresolved(host, Integer.parseInt(coordinator.substring(colon + 1))), fingerprint);
        } catch (IOException unreachable) {
            throw new FerryException(ErrorCode.COORDINATOR_UNREACHABLE, "No coordinator answers by TLS at " + coordinator + ": " + unreachable, unreachable);
        }
    }

    /** Gets a new certificate for a new key. */
    static void renew(Membership membership, String node, String coordinators) throws IOException {
        var ignored = whoeverLeads(coordinators, coordinator -> renewAt(membership, node, coordinator));
    }

    private static Membership renewAt(Membership membership, String node, String coordinator) throws IOException {
        KeyPair pair = Keys.generate();
        NodeKey asked = key(pair, pair.getPrivate(), node, membership.certificate().getSerialNumber().toString(16));
        ManagedChannel channel = membership.channel(coordinator);
        try {
            membership.replace(pair.getPrivate(), ask(channel, coordinator, stub -> stub.renewNode(asked)));
            return membership;
        } finally {
            channel.shutdownNow();
        }
    }

    private static NodeKey key(KeyPair pair, PrivateKey key, String node, String occasion) {
        byte[] publicKey = pair.getPublic().getEncoded();
        try {
            return NodeKey.newBuilder().setNode(node).setPublicKey(ByteString.copyFrom(publicKey)).setProof(ByteString.copyFrom(Keys.prove(key, node, occasion, publicKey))).build();
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static List<X509Certificate> ask(ManagedChannel channel, String coordinator, Function<AccessGrpc.AccessBlockingStub, NodeCertificate> call) {
        try {
            NodeCertificate answer = call.apply(AccessGrpc.newBlockingStub(channel).withDeadlineAfter(PATIENCE_SECONDS, TimeUnit.SECONDS));
            return Pem.parseCertificates(answer.getPem().getBytes(StandardCharsets.US_ASCII), "the coordinator's answer");
        } catch (StatusRuntimeException failed) {
            throw error(failed, coordinator);
        }
    }

    private static FerryException error(StatusRuntimeException failed, String coordinator) {
        byte[] detail = failed.getTrailers() == null ? null : failed.getTrailers().get(ERROR);
        try {
            return detail == null
                    ? new FerryException(ErrorCode.COORDINATOR_UNREACHABLE, "The coordinator at " + coordinator + " does not answer: " + failed.getStatus(), failed)
                    : new FerryException(ErrorDetail.parseFrom(detail));
        } catch (InvalidProtocolBufferException unreadable) {
            return new FerryException(ErrorCode.INTERNAL, "The coordinator at " + coordinator + " answered with an error that can't be read: " + failed.getStatus(), failed);
        }
    }
}
