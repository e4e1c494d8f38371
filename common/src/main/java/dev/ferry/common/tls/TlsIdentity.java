package dev.ferry.common.tls;

import java.net.Socket;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.List;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedKeyManager;
import org.jspecify.annotations.Nullable;

/** What a part shows of itself in TLS; it may be replaced while connections are open, and holds for those to come. */
public final class TlsIdentity extends X509ExtendedKeyManager {
    private static final String ALIAS = "own";

    private record Shown(PrivateKey key, List<X509Certificate> chain) {}

    private volatile Shown shown;

    /**
     * @param chain the part's own certificate, then that of who signed it
     */
    public TlsIdentity(PrivateKey key, List<X509Certificate> chain) {
        shown = new Shown(key, List.copyOf(chain));
    }

    public void replace(PrivateKey key, List<X509Certificate> chain) {
        shown = new Shown(key, List.copyOf(chain));
    }

    public X509Certificate certificate() {
        return shown.chain().getFirst();
    }

    private @Nullable String alias(String... types) {
        return Arrays.asList(types).contains(shown.key().getAlgorithm()) ? ALIAS : null;
    }

    @Override
    public String[] getClientAliases(String type, Principal @Nullable [] issuers) {
        return new String[] {ALIAS};
    }

    @Override
    public @Nullable String chooseClientAlias(String[] types, Principal @Nullable [] issuers, @Nullable Socket socket) {
        return alias(types);
    }

    @Override
    public @Nullable String chooseEngineClientAlias(String[] types, Principal @Nullable [] issuers, @Nullable SSLEngine engine) {
        return alias(types);
    }

    @Override
    public String[] getServerAliases(String type, Principal @Nullable [] issuers) {
        return new String[] {ALIAS};
    }

    @Override
    public @Nullable String chooseServerAlias(String type, Principal @Nullable [] issuers, @Nullable Socket socket) {
        return alias(type);
    }

    @Override
    public @Nullable String chooseEngineServerAlias(String type, Principal @Nullable [] issuers, @Nullable SSLEngine engine) {
        return alias(type);
    }

    @Override
    public X509Certificate[] getCertificateChain(String alias) {
        return shown.chain().toArray(X509Certificate[]::new);
    }

    @Override
    public PrivateKey getPrivateKey(String alias) {
        return shown.key();
    }
}
