package dev.ferry.common.tls;

import dev.ferry.common.DurableFile;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Certificates and keys as text (RFC 7468). Keys are of the elliptic curve P-256, as PKCS#8. */
public final class Pem {
    private static final Pattern KEY = Pattern.compile("-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END PRIVATE KEY-----");
    private static final Pattern CERTIFICATE = Pattern.compile("-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\\s]+-----END CERTIFICATE-----");
    private static final long MOST_BYTES = 1 << 20;

    private Pem() {}

    public static String certificates(List<X509Certificate> certificates) {
        StringBuilder text = new StringBuilder();
        for (X509Certificate certificate : certificates) {
            text.append(block("CERTIFICATE", encoded(certificate)));
        }
        return text.toString();
    }

    public static byte[] encoded(X509Certificate certificate) {
        try {
            return certificate.getEncoded();
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static String block(String what, byte[] content) {
        String lines = Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII)).encodeToString(content);
        return "-----BEGIN " + what + "-----\n" + lines + "\n-----END " + what + "-----\n";
    }

    /**
     * All certificates of a file, in their order.
     *
     * @throws FerryException CONFIG_INVALID when the file can't be read or holds none
     */
    public static List<X509Certificate> readCertificates(Path file) {
        return parseCertificates(read(file), file.toString());
    }

    /**
     * @param origin what the error calls it
     */
    public static List<X509Certificate> parseCertificates(byte[] text, String origin) {
        // A key may stand in the same file, and the JDK stops at it.
        String blocks = CERTIFICATE.matcher(new String(text, StandardCharsets.US_ASCII)).results().map(MatchResult::group).collect(Collectors.joining("\n"));
        try {
            List<X509Certificate> found =
                    CertificateFactory.getInstance("X.509").generateCertificates(new ByteArrayInputStream(blocks.getBytes(StandardCharsets.US_ASCII))).stream().map(X509Certificate.class::cast).toList();
            if (found.isEmpty()) {
                throw new FerryException(ErrorCode.CONFIG_INVALID, origin + " holds no certificate");
            }
            return found;
        } catch (CertificateException malformed) {
            throw new FerryException(ErrorCode.CONFIG_INVALID, origin + " is not a list of certificates: " + malformed.getMessage(), malformed);
        }
    }

    /**
     * @throws FerryException CONFIG_INVALID
     */
    public static PrivateKey readKey(Path file) {
        Matcher matcher = KEY.matcher(new String(read(file), StandardCharsets.US_ASCII));
        if (!matcher.find()) {
            throw new FerryException(ErrorCode.CONFIG_INVALID, file + " holds no key in PKCS#8");
        }
        try {
            return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(matcher.group(1))));
        } catch (GeneralSecurityException | IllegalArgumentException malformed) {
            throw new FerryException(ErrorCode.CONFIG_INVALID, file + " is not a key of an elliptic curve: " + malformed.getMessage(), malformed);
        }
    }

    private static byte[] read(Path file) {
        try {
            if (Files.size(file) > MOST_BYTES) {
                throw new FerryException(ErrorCode.CONFIG_INVALID, file + " is too large for keys or certificates");
            }
            return Files.readAllBytes(file);
        } catch (IOException unreadable) {
            throw new FerryException(ErrorCode.CONFIG_INVALID, file + " can't be read: " + unreadable, unreadable);
        }
    }

    public static void writeCertificates(Path file, List<X509Certificate> certificates) throws IOException {
        DurableFile.write(file, certificates(certificates).getBytes(StandardCharsets.US_ASCII));
    }

    /** Only its owner can read the file. */
    public static void writeKey(Path file, PrivateKey key) throws IOException {
        DurableFile.writePrivate(file, block("PRIVATE KEY", key.getEncoded()).getBytes(StandardCharsets.US_ASCII));
    }

    /** A key and its certificates in one file, so that no crash leaves one without the other. Only its owner can read it. */
    public static void writeIdentity(Path file, PrivateKey key, List<X509Certificate> chain) throws IOException {
        DurableFile.writePrivate(file, (block("PRIVATE KEY", key.getEncoded()) + certificates(chain)).getBytes(StandardCharsets.US_ASCII));
    }
}
