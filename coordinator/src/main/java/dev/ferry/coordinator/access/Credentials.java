package dev.ferry.coordinator.access;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Role;
import dev.ferry.proto.v1.Token;
import java.util.Locale;
import java.util.Optional;

/** Decides from what a caller shows who it is, and whether that is enough for a call. */
public final class Credentials {
    private static final String SCHEME = "bearer ";

    private final Optional<Tokens> tokens;

    /**
     * @param tokens empty: everyone is let in
     */
    public Credentials(Optional<Tokens> tokens) {
        this.tokens = tokens;
    }

    /**
     * Who calls.
     *
     * @param authorization the header of this name
     * @param from the caller's address
     * @throws FerryException UNAUTHENTICATED
     */
    public Caller identify(VerbRule rule, Optional<String> authorization, String from) {
        return switch (rule.door()) {
            case NODE -> Caller.machine("node", from);
            case TOKEN -> byToken(authorization, from);
        };
    }

    private Caller byToken(Optional<String> authorization, String from) {
        if (tokens.isEmpty()) {
            return Caller.anyone(from);
        }
        String shown = authorization.orElseThrow(() -> new FerryException(ErrorCode.UNAUTHENTICATED, "The call shows no token"));
        if (!shown.toLowerCase(Locale.ROOT).startsWith(SCHEME)) {
            throw new FerryException(ErrorCode.UNAUTHENTICATED, "The header 'authorization' must be 'Bearer TOKEN'");
        }
        Token token = tokens.get().authenticate(shown.substring(SCHEME.length()).trim());
        return new Caller(token.getId(), token.getRole(), token.getOwner(), from);
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
    }

    /** A role for people. */
    public static String name(Role role) {
        return role.name().substring("ROLE_".length()).toLowerCase(Locale.ROOT);
    }
}
