package dev.ferry.coordinator.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.CreateTokenRequest;
import dev.ferry.proto.v1.CreateTokenResponse;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Owner;
import dev.ferry.proto.v1.Role;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokensTest {
    private static final CreateTokenRequest ADA = CreateTokenRequest.newBuilder().setRole(Role.ROLE_USER).setOwner(Owner.newBuilder().setUser("ada").setAccount("physics")).build();

    @TempDir Path folder;
    private StateStore store;
    private Tokens tokens;

    @BeforeEach
    void open() throws Exception {
        store = SqliteStateStore.open(folder);
        tokens = new Tokens(store);
    }

    @AfterEach
    void close() {
        store.close();
    }

    private void assertRefused(String text) {
        assertThatThrownBy(() -> tokens.authenticate(text)).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.UNAUTHENTICATED));
    }

    @Test
    void aTokenIsKnownByItsSecretAlone() {
        CreateTokenResponse ada = tokens.create(ADA);
        CreateTokenResponse other = tokens.create(ADA);
        assertThat(tokens.authenticate(ada.getSecret())).isEqualTo(ada.getToken());
        assertThat(ada.getToken().getOwner().getUser()).isEqualTo("ada");
        String secretOfOther = other.getSecret().substring(other.getSecret().indexOf('_', 6));
        assertRefused("ferry_" + ada.getToken().getId() + secretOfOther);
        assertRefused("ferry_" + "a".repeat(10) + secretOfOther);
        assertRefused("");
    }

    @Test
    void theDatabaseHoldsNoSecret() throws Exception {
        String secret = tokens.create(ADA).getSecret();
        String random = secret.substring(secret.indexOf('_', 6) + 1);
        store.close();
        try (Stream<Path> files = Files.walk(folder)) {
            assertThat(files.filter(Files::isRegularFile)).isNotEmpty().allSatisfy(file -> assertThat(new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1)).doesNotContain(random));
        }
    }

    @Test
    void aRevokedTokenLetsNobodyIn() {
        CreateTokenResponse ada = tokens.create(ADA);
        assertThat(tokens.revoke(ada.getToken().getId()).getRevokedAt()).isPositive();
        assertRefused(ada.getSecret());
        assertThat(tokens.isStillValid(ada.getToken().getId())).isFalse();
        assertThat(tokens.list(false)).isEmpty();
        assertThat(tokens.list(true)).hasSize(1);
        assertThatThrownBy(() -> tokens.revoke("nothing")).hasMessageContaining("nothing");
    }

    @Test
    void anExpiredTokenLetsNobodyIn() {
        CreateTokenResponse ada = tokens.create(ADA.toBuilder().setLifetimeSeconds(1).build());
        assertThat(tokens.authenticate(ada.getSecret())).isNotNull();
        await().atMost(Duration.ofSeconds(10)).untilAsserted(() -> assertRefused(ada.getSecret()));
    }

    @Test
    void whatIsWrongWithARequestIsNamed() {
        List<CreateTokenRequest> wrong =
                List.of(
                        CreateTokenRequest.getDefaultInstance(),
                        CreateTokenRequest.newBuilder().setRole(Role.ROLE_USER).build(),
                        CreateTokenRequest.newBuilder().setRoleValue(99).build(),
                        ADA.toBuilder().setOwner(Owner.newBuilder().setUser("a b")).build(),
                        ADA.toBuilder().setLifetimeSeconds(-1).build(),
                        ADA.toBuilder().setLifetimeSeconds(Long.MAX_VALUE).build(),
                        ADA.toBuilder().setNote("a\nb").build());
        assertThat(wrong)
                .allSatisfy(
                        request ->
                                assertThatThrownBy(() -> tokens.create(request))
                                        .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT)));
    }

    @Test
    void theFirstTokenIsForItsOwnerAloneAndMadeAgainWhenNobodyCouldAdministrate() throws Exception {
        LocalFolder.ensure(tokens, folder, Optional.empty());
        Path file = folder.resolve(LocalFolder.NAME).resolve(LocalFolder.TOKEN);
        String first = Files.readString(file).strip();
        assertThat(tokens.authenticate(first).getRole()).isEqualTo(Role.ROLE_ADMIN);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file))).isEqualTo("rw-------");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file.getParent()))).isEqualTo("rwx------");
        LocalFolder.ensure(tokens, folder, Optional.empty());
        assertThat(Files.readString(file).strip()).isEqualTo(first);
        tokens.list(false).forEach(token -> assertThat(tokens.revoke(token.getId()).getRevokedAt()).isPositive());
        LocalFolder.ensure(tokens, folder, Optional.empty());
        assertRefused(first);
        assertThat(tokens.authenticate(Files.readString(file).strip()).getRole()).isEqualTo(Role.ROLE_ADMIN);
    }

    @Test
    void aResetOfWhichNothingComesLeavesTheOldToken() throws Exception {
        LocalFolder.ensure(tokens, folder, Optional.empty());
        Path file = folder.resolve(LocalFolder.NAME).resolve(LocalFolder.TOKEN);
        String first = Files.readString(file).strip();
        store.close();
        assertThatThrownBy(() -> LocalFolder.reset(tokens, folder)).isInstanceOf(RuntimeException.class);
        assertThat(Files.readString(file).strip()).isEqualTo(first);
        try (Stream<Path> files = Files.list(file.getParent())) {
            assertThat(files).containsExactly(file);
        }
        store = SqliteStateStore.open(folder);
        tokens = new Tokens(store);
        assertThat(tokens.authenticate(first).getRole()).isEqualTo(Role.ROLE_ADMIN);
        assertThat(LocalFolder.reset(tokens, folder)).isEqualTo(file);
        assertThat(tokens.authenticate(Files.readString(file).strip()).getRole()).isEqualTo(Role.ROLE_ADMIN);
        assertThat(Files.readString(file).strip()).isNotEqualTo(first);
    }

    /** Killed between the file and the record: the next start must make a token that somebody knows. */
    @Test
    void aTokenThatCouldNotBeKeptLetsNobodyIn() {
        CreateTokenRequest first = CreateTokenRequest.newBuilder().setRole(Role.ROLE_ADMIN).build();
        assertThatThrownBy(() -> tokens.<IOException>create(first, secret -> { throw new IOException("as if it were killed"); })).isInstanceOf(IOException.class);
        assertThat(tokens.hasAdministrator()).isFalse();
    }
}
