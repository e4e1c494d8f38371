package dev.ferry.common.tls;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * Learns the authority's certificate from a server by its fingerprint, which came another way. Nothing is said over this
 * connection: whatever follows is said over one that trusts this authority alone.
 */
public final class PinnedAuthority {
    private static final int PATIENCE_MILLIS = 10_000;

    private PinnedAuthority() {}

    /**
     * @param fingerprint SHA-256 of the authority's certificate, in hexadecimal digits
     * @throws FerryException JOIN_REFUSED when the server shows no such certificate
     * @throws IOException when it can't be reached
     */
    public static X509Certificate learn(InetSocketAddress server, String fingerprint) throws IOException {
        List<X509Certificate> seen = new CopyOnWriteArrayList<>();
        try (Socket plain = new Socket()) {
            plain.connect(new InetSocketAddress(server.getHostString(), server.getPort()), PATIENCE_MILLIS);
            plain.setSoTimeout(PATIENCE_MILLIS);
            SSLContext context = SSLContext.getInstance("TLSv1.3");
            context.init(null, new TrustManager[] {new Capture(seen)}, null);
            try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(plain, server.getHostString(), server.getPort(), false)) {
                SSLParameters parameters = socket.getSSLParameters();
                parameters.setApplicationProtocols(new String[] {"h2"});
                socket.setSSLParameters(parameters);
                socket.startHandshake();
            }
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
        return seen.stream()
                .filter(certificate -> Keys.fingerprint(certificate).equals(fingerprint))
                .findFirst()
                .orElseThrow(
                        () -> new FerryException(ErrorCode.JOIN_REFUSED, "The server at " + server + " does not have the authority that the join token names: it is not the coordinator that made the token"));
    }

    /** Looks at what is shown and trusts it as far as nothing. */
    private static final class Capture extends X509ExtendedTrustManager {
        private final List<X509Certificate> seen;

        Capture(List<X509Certificate> seen) {
            this.seen = seen;
        }

        private void take(X509Certificate[] chain) {
            seen.addAll(Arrays.asList(chain));
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {
            take(chain);
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {
            take(chain);
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {
            take(chain);
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {
            throw new UnsupportedOperationException();
        }

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
