package dev.ferry.storage.seal;

import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;

/** The JDK's primitives: AES-256-GCM (NIST SP 800-38D) with 96-bit nonces and 128-bit tags, HMAC-SHA-256 (RFC 2104). */
final class Crypto {
    static final String AES = "AES";
    static final String HMAC = "HmacSHA256";
    static final int TAG_BYTES = 16;
    static final int NONCE_BYTES = 12;
    private static final String GCM = "AES/GCM/NoPadding";

    private Crypto() {}

    static byte[] hmac(SecretKey key, byte[]... parts) {
        try {
            Mac mac = Mac.getInstance(HMAC);
            mac.init(key);
            for (byte[] part : parts) {
                mac.update(part);
            }
            return mac.doFinal();
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    static Cipher cipher() {
        try {
            return Cipher.getInstance(GCM);
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /**
     * Encrypts; behind the ciphertext comes its tag.
     *
     * @param nonce used with this key once and never again
     */
    static void seal(Cipher cipher, SecretKey key, byte[] nonce, byte[] bound, ByteBuffer plain, ByteBuffer into) {
        try {
            cipher.init(Cipher.ENCRYPT_MODE, key, new GCMParameterSpec(TAG_BYTES * 8, nonce));
            cipher.updateAAD(bound);
            int ignored = cipher.doFinal(plain, into);
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /**
     * @return false: these are not the bytes that were sealed with this key, nonce and binding
     */
    static boolean open(Cipher cipher, SecretKey key, byte[] nonce, byte[] bound, ByteBuffer sealed, ByteBuffer into) {
        try {
            cipher.init(Cipher.DECRYPT_MODE, key, new GCMParameterSpec(TAG_BYTES * 8, nonce));
            cipher.updateAAD(bound);
            int ignored = cipher.doFinal(sealed, into);
            return true;
        } catch (AEADBadTagException damaged) {
            return false;
        } catch (InvalidKeyException impossible) {
            throw new IllegalStateException(impossible);
        } catch (GeneralSecurityException tooShort) {
            return false;
        }
    }
}
