package dev.ferry.common.tls;

import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/** How a node's name stands in its certificate: as a URI among the subject's alternative names. */
public final class NodeNames {
    private static final String PREFIX = "ferry:node:";
    /** Kind of a URI among the alternative names (RFC 5280, GeneralName). */
    private static final int URI = 6;

    private NodeNames() {}

    public static String uri(String node) {
        return PREFIX + node;
    }

    /** The node that a certificate is for; empty: it is not a node's. */
    public static Optional<String> of(X509Certificate certificate) {
        try {
            Collection<List<?>> names = certificate.getSubjectAlternativeNames();
            return names == null
                    ? Optional.empty()
                    : names.stream().filter(name -> name.get(0).equals(URI)).map(name -> (String) name.get(1)).filter(name -> name.startsWith(PREFIX)).map(name -> name.substring(PREFIX.length())).findFirst();
        } catch (CertificateParsingException malformed) {
            return Optional.empty();
        }
    }
}
