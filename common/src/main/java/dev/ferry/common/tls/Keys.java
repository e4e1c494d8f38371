package dev.ferry.common.tls;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.HexFormat;

/** Keys of the parts: P-256, and what is signed by them beside TLS. */
public final class Keys {
    private static final String SIGNATURE = "SHA256withECDSA";

    private Keys() {}

    public static KeyPair generate() {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"));
            return generator.generateKeyPair();
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /**
     * A public key as X.509 has it.
     *
     * @throws GeneralSecurityException when it is none of an elliptic curve
     */
    public static PublicKey publicKey(byte[] encoded) throws GeneralSecurityException {
        return KeyFactory.getInstance("EC").generatePublic(new X509EncodedKeySpec(encoded));
    }

    /**
     * Proves that the sender of a public key has the private one, for this node and this occasion only.
     *
     * @param occasion the id of a join token, or the serial number of the certificate that is renewed
     */
    public static byte[] prove(PrivateKey key, String node, String occasion, byte[] publicKey) throws GeneralSecurityException {
        Signature signature = Signature.getInstance(SIGNATURE);
        signature.initSign(key);
        signature.update(statement(node, occasion, publicKey));
        return signature.sign();
    }

    public static boolean isProven(PublicKey key, String node, String occasion, byte[] proof) throws GeneralSecurityException {
        Signature signature = Signature.getInstance(SIGNATURE);
        signature.initVerify(key);
        signature.update(statement(node, occasion, key.getEncoded()));
        return signature.verify(proof);
    }

    private static byte[] statement(String node, String occasion, byte[] publicKey) {
        byte[] words = ("ferry node key\0" + node + "\0" + occasion + "\0").getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(words.length + publicKey.length).put(words).put(publicKey).array();
    }

    /** SHA-256 of a certificate, in hexadecimal digits. */
    public static String fingerprint(X509Certificate certificate) {
        return sha256(Pem.encoded(certificate));
    }

    public static String sha256(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
