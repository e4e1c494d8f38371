package dev.ferry.coordinator.access;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Role;
import dev.ferry.proto.v1.Token;
import java.security.cert.X509Certificate;
import java.util.Locale;
import java.util.Optional;

/** Decides from what a caller shows who it is, and whether that is enough for a call. */
public final class Credentials {
    private static final String SCHEME = "bearer ";

    private final Optional<Tokens> tokens;
    private final Optional<NodeIdentities> nodes;

    /**
     * @param tokens empty: everyone is let in
     * @param nodes empty: whoever says that it is a node is one
     */
    public Credentials(Optional<Tokens> tokens, Optional<NodeIdentities> nodes) {
        this.tokens = tokens;
        this.nodes = nodes;
    }

    /**
     * What a caller shows.
     *
     * @param authorization the header of this name
     * @param certificate that of TLS, which was checked there
     * @param from the caller's address
     */
    public record Shown(Optional<String> authorization, Optional<X509Certificate> certificate, String from) {
        private String bearer(String what) {
            String header = authorization.orElseThrow(() -> new FerryException(ErrorCode.UNAUTHENTICATED, "The call shows no " + what));
            if (!header.toLowerCase(Locale.ROOT).startsWith(SCHEME)) {
                throw new FerryException(ErrorCode.UNAUTHENTICATED, "The header 'authorization' must be 'Bearer TOKEN'");
            }
            return header.substring(SCHEME.length()).trim();
        }
    }

    /**
     * Who calls.
     *
     * @throws FerryException UNAUTHENTICATED
     */
    public Caller identify(VerbRule rule, Shown shown) {
        return switch (rule.door()) {
            case NODE -> byCertificate(shown);
            case TOKEN -> byToken(shown);
            case JOIN -> byJoinToken(shown);
        };
    }

    private Caller byCertificate(Shown shown) {
        if (nodes.isEmpty()) {
            return Caller.machine("", "", shown.from());
        }
        X509Certificate certificate = shown.certificate().orElseThrow(() -> new FerryException(ErrorCode.UNAUTHENTICATED, "The call shows no node's certificate; a machine gets one by joining: `ferry node join`"));
        return Caller.machine(nodes.get().node(certificate), NodeIdentities.serial(certificate), shown.from());
    }

    private Caller byJoinToken(Shown shown) {
        NodeIdentities identities = nodes.orElseThrow(() -> new FerryException(ErrorCode.JOIN_REFUSED, "This coordinator does not know nodes by certificates: it runs without TLS"));
        String token = identities.authenticate(shown.bearer("join token"));
        return Caller.machine(token, token, shown.from());
    }

    private Caller byToken(Shown shown) {
        if (tokens.isEmpty()) {
            return Caller.anyone(shown.from());
        }
        Token token = tokens.get().authenticate(shown.bearer("token"));
        return new Caller(token.getId(), token.getRole(), token.getOwner(), "", shown.from());
    }

    /**
     * Whether a caller may make a call at all.
     *
     * @throws FerryException FORBIDDEN
     */
    public static void requireRole(Caller caller, VerbRule rule) {
        if (rule.door() == Door.TOKEN && caller.role().getNumber() < rule.least().getNumber()) {
            throw new FerryException(
                    ErrorCode.FORBIDDEN, "Token " + caller.name() + " has the role " + name(caller.role()) + "; " + rule.rpc() + " needs the role " + name(rule.least()));
        }
    }

    /**
     * Whether a caller whose answer is a long stream would still be let in.
     *
     * @throws FerryException UNAUTHENTICATED
     */
    public void require(Caller caller) {
        boolean byToken = caller.role() != Role.ROLE_UNSPECIFIED;
        if (byToken && tokens.isPresent() && !tokens.get().isStillValid(caller.name())) {
            throw new FerryException(ErrorCode.UNAUTHENTICATED, "The token was revoked or has expired meanwhile");
        }
        // Who joins shows no certificate yet: its name and its occasion are both the join token's.
        if (!byToken && nodes.isPresent() && !caller.name().equals(caller.occasion())) {
            nodes.get().requireCurrent(caller.name(), caller.occasion());
        }
    }

    /** A role for people. */
    public static String name(Role role) {
        return role.name().substring("ROLE_".length()).toLowerCase(Locale.ROOT);
    }
}
