package dev.ferry.common;

import java.security.SecureRandom;

/** Short random ids that people can read aloud and type: base32 without look-alikes. */
public final class Ids {
    private static final String ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";
    private static final SecureRandom RANDOM = new SecureRandom();

    private Ids() {}

    public static String newJob() {
        return "j-" + random(8);
    }

    public static String newOperation() {
        return "op-" + random(8);
    }

    /** The id of the image of a job with this sequence number. */
    public static String image(String job, long sequence) {
        return job + "." + sequence;
    }

    public static String random(int length) {
        StringBuilder id = new StringBuilder(length);
        for (int i = 0; i < length; i++) {
            id.append(ALPHABET.charAt(RANDOM.nextInt(ALPHABET.length())));
        }
        return id.toString();
    }
}
