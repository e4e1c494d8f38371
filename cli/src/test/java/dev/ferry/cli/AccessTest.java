package dev.ferry.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AccessTest {
    @TempDir Path folder;

    private static Access.Options file(Path file) {
        return new Access.Options(file, null, false);
    }

    private Path token(String name, String token, String permissions) throws IOException {
        Path file = Files.createDirectories(folder.resolve(name)).resolve("token");
        Files.writeString(file, token + "\n");
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(permissions));
    }

    @Test
    void theNearestTokenIsShown() throws Exception {
        Path option = token("option", "by-option", "rw-------");
        Path named = token("named", "by-file", "r--------");
        Path local = token("local", "by-coordinator", "rw-------").getParent();
        Path home = token("home", "by-home", "rw-------").getParent();
        Path nowhere = folder.resolve("nowhere");
        Map<String, String> both = Map.of("FERRY_TOKEN", "by-variable", "FERRY_TOKEN_FILE", named.toString());
        assertThat(Access.of(file(option), both, Optional.of(local), home).token()).hasValue("by-option");
        assertThat(Access.of(Access.Options.NONE, both, Optional.of(local), home).token()).hasValue("by-variable");
        assertThat(Access.of(Access.Options.NONE, Map.of("FERRY_TOKEN_FILE", named.toString()), Optional.of(local), home).token()).hasValue("by-file");
        assertThat(Access.of(Access.Options.NONE, Map.of(), Optional.of(local), home).token()).hasValue("by-coordinator");
        assertThat(Access.of(Access.Options.NONE, Map.of(), Optional.of(nowhere), home).token()).hasValue("by-home");
        assertThat(Access.of(Access.Options.NONE, Map.of(), Optional.empty(), nowhere).token()).isEmpty();
    }

    @Test
    void whoNamesAnAuthorityWantsToSeeACertificate() {
        Path local = folder.resolve("local");
        assertThat(Access.of(Access.Options.NONE, Map.of(), Optional.of(local), folder).socket()).hasValue(local.resolve("socket"));
        assertThat(Access.of(Access.Options.NONE, Map.of("FERRY_CA_FILE", "ca.pem"), Optional.of(local), folder).socket()).isEmpty();
        assertThat(Access.of(new Access.Options(null, Path.of("ca.pem"), false), Map.of(), Optional.of(local), folder).socket()).isEmpty();
        assertThat(Access.of(Access.Options.NONE, Map.of(), Optional.empty(), folder).socket()).isEmpty();
    }

    @Test
    void aTokenThatOthersCanReadIsNotUsed() throws Exception {
        Path open = token("open", "secret", "rw-r-----");
        assertThatThrownBy(() -> Access.of(file(open), Map.of(), Optional.empty(), folder)).hasMessageContaining(open.toString()).hasMessageContaining("chmod 600").hasMessageNotContaining("secret");
        assertThatThrownBy(() -> Access.of(file(folder.resolve("none")), Map.of(), Optional.empty(), folder)).hasMessageContaining("none");
    }
}
