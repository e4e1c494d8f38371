package dev.ferry.coordinator.access;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.proto.v1.ErrorCode;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The form of what is shown to get in: {@code KIND_ID_SECRET}, the secret of 256 random bits, of which only the hash is kept. */
final class Secrets {
    static final String TOKEN = "ferry";
    static final String JOIN = "ferryjoin";

    private static final Pattern FORM = Pattern.compile("([a-z]+)_([a-z2-9]{10})_([A-Za-z0-9_-]{43})");
    private static final int BYTES = 32;
    private static final SecureRandom RANDOM = new SecureRandom();

    private Secrets() {}

    /** One that was just made. */
    record Made(String id, String text, byte[] hash) {}

    /** What a caller shows. */
    record Shown(String id, byte[] hash) {
        /** Takes as long for a wrong one as for a right one. */
        boolean hasHash(ByteString expected) {
            return MessageDigest.isEqual(expected.toByteArray(), hash);
        }
    }

    static Made make(String kind) {
        String id = Ids.random(10);
        byte[] random = new byte[BYTES];
        RANDOM.nextBytes(random);
        String secret = Base64.getUrlEncoder().withoutPadding().encodeToString(random);
        return new Made(id, kind + "_" + id + "_" + secret, hash(secret));
    }

    /**
     * @throws FerryException UNAUTHENTICATED
     */
    static Shown parse(String kind, String text) {
        Matcher form = FORM.matcher(text);
        if (!form.matches() || !form.group(1).equals(kind)) {
            throw new FerryException(ErrorCode.UNAUTHENTICATED, "What was shown does not have the form of a " + (kind.equals(JOIN) ? "join token" : "token"));
        }
        return new Shown(form.group(2), hash(form.group(3)));
    }

    private static byte[] hash(String secret) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(secret.getBytes(StandardCharsets.US_ASCII));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
