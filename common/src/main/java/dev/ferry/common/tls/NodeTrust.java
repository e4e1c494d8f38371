package dev.ferry.common.tls;

import java.io.IOException;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Optional;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;

/**
 * Whom a node believes that it is another node of the cluster, whichever of the two has called: who shows a node's certificate of the cluster's authority. That of a coordinator is none, by its extended
 * key usage; and a host name says nothing, for it is the node that counts and not the machine on which it lives.
 */
public final class NodeTrust extends X509ExtendedTrustManager {
    private final X509ExtendedTrustManager authority;
    private final Optional<String> node;

    /**
     * @param node the only one that is believed; empty: any
     */
    public NodeTrust(X509Certificate authority, Optional<String> node) {
        this.authority = managerOf(authority);
        this.node = node;
    }

    private static X509ExtendedTrustManager managerOf(X509Certificate authority) {
        try {
            KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
            trusted.load(null);
            trusted.setCertificateEntry("authority", authority);
            TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
            factory.init(trusted);
            return (X509ExtendedTrustManager) Arrays.stream(factory.getTrustManagers()).filter(X509ExtendedTrustManager.class::isInstance).findFirst().orElseThrow();
        } catch (GeneralSecurityException | IOException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private void check(X509Certificate[] chain, String type) throws CertificateException {
        // Also of who is called: nodes' certificates are those of clients, and nothing else.
        authority.checkClientTrusted(chain, type);
        String shown = NodeNames.of(chain[0]).orElseThrow(() -> new CertificateException("The certificate is not a node's"));
        if (node.isPresent() && !node.get().equals(shown)) {
            throw new CertificateException("The certificate is that of node '" + shown + "', not of node '" + node.get() + "'");
        }
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type) throws CertificateException {
        check(chain, type);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, @Nullable Socket socket) throws CertificateException {
        check(chain, type);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, @Nullable SSLEngine engine) throws CertificateException {
        check(chain, type);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type) throws CertificateException {
        check(chain, type);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, @Nullable Socket socket) throws CertificateException {
        check(chain, type);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, @Nullable SSLEngine engine) throws CertificateException {
        check(chain, type);
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
        return authority.getAcceptedIssuers();
    }
}
