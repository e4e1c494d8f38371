package dev.ferry.coordinator.access;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.store.RecordKind;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.CreateTokenRequest;
import dev.ferry.proto.v1.CreateTokenResponse;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Owner;
import dev.ferry.proto.v1.Role;
import dev.ferry.proto.v1.Token;
import dev.ferry.proto.v1.TokenRecord;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The tokens that people and programs show. A token's text is {@code ferry_ID_SECRET}: by the id its record is found,
 * of the secret only the hash is kept. Each call looks into the database, so that a revocation holds from the next
 * call on, also of another coordinator.
 */
public final class Tokens {
    static final RecordKind<TokenRecord> KIND =
            new RecordKind<>("token", TokenRecord.parser(), record -> record.getToken().getId(), record -> "", record -> record.getToken().getCreatedAt());

    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9@._-]{0,62}");
    private static final int MOST_NOTE = 200;
    private static final Duration LONGEST = Duration.ofDays(3650);

    private final StateStore store;

    public Tokens(StateStore store) {
        this.store = store;
    }

    /**
     * Makes a token.
     *
     * @throws FerryException INVALID_ARGUMENT
     */
    public CreateTokenResponse create(CreateTokenRequest request) {
        return create(request, secret -> {});
    }

    /**
     * The same, with the secret where it is needed before it lets anybody in.
     *
     * @param kept what throws makes no token
     */
    <E extends Exception> CreateTokenResponse create(CreateTokenRequest request, Keeping<E> kept) throws E {
        check(request);
        Secrets.Made made = Secrets.make(Secrets.TOKEN);
        kept.keep(made.text());
        return store.transact(
                state -> {
                    long now = state.now();
                    Token token =
                            Token.newBuilder()
                                    .setId(made.id())
                                    .setRole(request.getRole())
                                    .setOwner(request.getOwner())
                                    .setCreatedAt(now)
                                    .setExpiresAt(request.getLifetimeSeconds() == 0 ? 0 : now + Duration.ofSeconds(request.getLifetimeSeconds()).toMillis())
                                    .setCreatedBy(Caller.current().name())
                                    .setNote(request.getNote())
                                    .build();
                    state.put(KIND, TokenRecord.newBuilder().setToken(token).setSecretSha256(ByteString.copyFrom(made.hash())).build());
                    return CreateTokenResponse.newBuilder().setToken(token).setSecret(made.text()).build();
                });
    }

    /** Keeps a token's secret. */
    interface Keeping<E extends Exception> {
        void keep(String secret) throws E;
    }

    private static void check(CreateTokenRequest request) {
        Owner owner = request.getOwner();
        switch (request.getRole()) {
            case ROLE_USER -> {
                if (owner.equals(Owner.getDefaultInstance())) {
                    throw wrong("A token of the role user needs a user, an account or both");
                }
            }
            case ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN -> {}
            case ROLE_UNSPECIFIED, UNRECOGNIZED -> throw wrong("The role must be viewer, user, operator or admin");
        }
        for (String name : List.of(owner.getUser(), owner.getAccount())) {
            if (!name.isEmpty() && !NAME.matcher(name).matches()) {
                throw wrong("A user's or account's name must be letters, digits, '@', '.', '_' and '-', at most 63");
            }
        }
        if (request.getLifetimeSeconds() < 0 || request.getLifetimeSeconds() > LONGEST.toSeconds()) {
            throw wrong("A token's lifetime must be between 0 (for ever) and " + LONGEST.toDays() + " days");
        }
        if (request.getNote().length() > MOST_NOTE || request.getNote().chars().anyMatch(Character::isISOControl)) {
            throw wrong("A token's note must be at most " + MOST_NOTE + " characters without control characters");
        }
    }

    private static FerryException wrong(String message) {
        return new FerryException(ErrorCode.INVALID_ARGUMENT, message);
    }

    /**
     * @param all also those that are revoked or expired
     */
    public List<Token> list(boolean all) {
        return store.transact(
                state -> state.records(KIND, RecordQuery.all()).stream().map(TokenRecord::getToken).filter(token -> all || isValid(token, state.now())).toList());
    }

    /**
     * From the next call on the token lets nobody in.
     *
     * @throws FerryException TOKEN_NOT_FOUND
     */
    public Token revoke(String id) {
        return store.transact(
                state -> {
                    TokenRecord record = state.record(KIND, id).orElseThrow(() -> new FerryException(ErrorCode.TOKEN_NOT_FOUND, "There is no token '" + id + "'"));
                    if (record.getToken().getRevokedAt() != 0) {
                        return record.getToken();
                    }
                    Token revoked = record.getToken().toBuilder().setRevokedAt(state.now()).build();
                    state.put(KIND, record.toBuilder().setToken(revoked).build());
                    return revoked;
                });
    }

    /**
     * Whose a token is.
     *
     * @throws FerryException UNAUTHENTICATED; the message does not say whether there is such a token
     */
    Token authenticate(String text) {
        Secrets.Shown shown = Secrets.parse(Secrets.TOKEN, text);
        return store.transact(state -> valid(state, shown))
                .orElseThrow(() -> new FerryException(ErrorCode.UNAUTHENTICATED, "The token is not valid: it is not known here, revoked or expired"));
    }

    private static Optional<Token> valid(Transaction state, Secrets.Shown shown) {
        return state.record(KIND, shown.id()).filter(record -> shown.hasHash(record.getSecretSha256())).map(TokenRecord::getToken).filter(token -> isValid(token, state.now()));
    }

    /** Whether a token that was shown before, for a stream that is still open, lets its holder in now. */
    boolean isStillValid(String id) {
        return store.transact(state -> state.record(KIND, id).filter(record -> isValid(record.getToken(), state.now())).isPresent());
    }

    /** Whether anyone could administrate. */
    boolean hasAdministrator() {
        return list(false).stream().anyMatch(token -> token.getRole() == Role.ROLE_ADMIN);
    }

    private static boolean isValid(Token token, long now) {
        return token.getRevokedAt() == 0 && (token.getExpiresAt() == 0 || now < token.getExpiresAt());
    }
}
