package dev.ferry.coordinator.access;

import dev.ferry.common.FerryException;
import dev.ferry.common.PrivateFolder;
import dev.ferry.common.tls.Keys;
import dev.ferry.common.tls.NodeNames;
import dev.ferry.common.tls.Pem;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.CertIOException;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/**
 * Signs the certificates of coordinators and nodes: ca.pem, which everyone may have, and ca.key in a folder of its own.
 * A server's certificate can't be used as a node's, nor the other way round (extended key usage).
 */
public final class CertificateAuthority {
    public static final String CERTIFICATE = "ca.pem";
    private static final String KEY = "ca.key";
    private static final Duration LIFETIME = Duration.ofDays(3650);
    /** Clocks of machines differ a little. */
    private static final Duration BACKDATED = Duration.ofHours(1);
    private static final SecureRandom RANDOM = new SecureRandom();

    private final PrivateKey key;
    private final X509Certificate certificate;

    private CertificateAuthority(PrivateKey key, X509Certificate certificate) {
        this.key = key;
        this.certificate = certificate;
    }

    /** Opens the authority of a folder, or makes one there. */
    public static CertificateAuthority openOrCreate(Path folder) throws IOException {
        return Files.exists(folder.resolve(CERTIFICATE)) ? open(folder) : create(folder);
    }

    private static CertificateAuthority open(Path folder) {
        X509Certificate certificate = Pem.readCertificates(folder.resolve(CERTIFICATE)).getFirst();
        return new CertificateAuthority(Pem.readKey(folder.resolve(KEY)), certificate);
    }

    /**
     * Makes an authority in a folder.
     *
     * @throws FerryException WRONG_STATE when there is one already: all certificates would be worth nothing
     */
    public static CertificateAuthority create(Path folder) throws IOException {
        if (Files.exists(folder.resolve(CERTIFICATE))) {
            throw new FerryException(ErrorCode.WRONG_STATE, "There is a certificate authority in " + folder + " already");
        }
        PrivateFolder.make(folder);
        KeyPair pair = Keys.generate();
        X500Name name = name("Ferry certificate authority " + new BigInteger(32, RANDOM).toString(16));
        try {
            X509v3CertificateBuilder builder = builder(name, name, pair.getPublic(), LIFETIME);
            builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(0));
            builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign));
            builder.addExtension(Extension.subjectKeyIdentifier, false, new JcaX509ExtensionUtils().createSubjectKeyIdentifier(pair.getPublic()));
            X509Certificate certificate = sign(builder, pair.getPrivate());
            // The key first: a certificate without its key would be taken for a whole authority.
            Pem.writeKey(folder.resolve(KEY), pair.getPrivate());
            Pem.writeCertificates(folder.resolve(CERTIFICATE), List.of(certificate));
            return new CertificateAuthority(pair.getPrivate(), certificate);
        } catch (GeneralSecurityException | OperatorCreationException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    public X509Certificate certificate() {
        return certificate;
    }

    /**
     * Signs a server's certificate.
     *
     * @param names host names and addresses that clients know it by
     */
    public List<X509Certificate> server(PublicKey publicKey, List<String> names, Duration lifetime) {
        GeneralName[] all = names.stream().map(name -> new GeneralName(isAddress(name) ? GeneralName.iPAddress : GeneralName.dNSName, name)).toArray(GeneralName[]::new);
        return issue("Ferry coordinator", publicKey, lifetime, KeyPurposeId.id_kp_serverAuth, new GeneralNames(all));
    }

    private static boolean isAddress(String name) {
        return name.contains(":") || name.matches("[\\d.]+");
    }

    /** Signs the certificate of a node. */
    public List<X509Certificate> node(PublicKey publicKey, String node, Duration lifetime) {
        return issue(node, publicKey, lifetime, KeyPurposeId.id_kp_clientAuth, new GeneralNames(new GeneralName(GeneralName.uniformResourceIdentifier, NodeNames.uri(node))));
    }

    private List<X509Certificate> issue(String subject, PublicKey publicKey, Duration lifetime, KeyPurposeId purpose, GeneralNames names) {
        try {
            X509v3CertificateBuilder builder = builder(X500Name.getInstance(certificate.getSubjectX500Principal().getEncoded()), name(subject), publicKey, lifetime);
            builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(false));
            builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature));
            builder.addExtension(Extension.extendedKeyUsage, true, new ExtendedKeyUsage(purpose));
            builder.addExtension(Extension.subjectAlternativeName, false, names);
            builder.addExtension(Extension.authorityKeyIdentifier, false, new JcaX509ExtensionUtils().createAuthorityKeyIdentifier(certificate));
            return List.of(sign(builder, key), certificate);
        } catch (GeneralSecurityException | OperatorCreationException | CertIOException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static X509v3CertificateBuilder builder(X500Name issuer, X500Name subject, PublicKey publicKey, Duration lifetime) {
        Instant now = Instant.now();
        BigInteger serial = new BigInteger(127, RANDOM).add(BigInteger.ONE);
        return new JcaX509v3CertificateBuilder(issuer, serial, Date.from(now.minus(BACKDATED)), Date.from(now.plus(lifetime)), subject, publicKey);
    }

    private static X500Name name(String commonName) {
        return new X500NameBuilder(BCStyle.INSTANCE).addRDN(BCStyle.CN, commonName).build();
    }

    private static X509Certificate sign(X509v3CertificateBuilder builder, PrivateKey key) throws OperatorCreationException, GeneralSecurityException {
        return new JcaX509CertificateConverter().getCertificate(builder.build(new JcaContentSignerBuilder("SHA256withECDSA").build(key)));
    }
}
