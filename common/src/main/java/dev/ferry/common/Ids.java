package dev.ferry.common;

import java.security.SecureRandom;
import java.util.random.RandomGenerator;

/** Short random ids that people can read aloud and type: base32 without look-alikes. */
public final class Ids {
    private static final String ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";
    private static final SecureRandom SECURE = new SecureRandom();
    private static final ScopedValue<RandomGenerator> SOURCE = ScopedValue.newInstance();

    private Ids() {}

    /** Does work in which ids are drawn from another source, so that a simulation can be repeated. */
    public static void drawnFrom(RandomGenerator source, Runnable work) {
        ScopedValue.where(SOURCE, source).run(work);
    }

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
        RandomGenerator source = SOURCE.isBound() ? SOURCE.get() : SECURE;
        StringBuilder id = new StringBuilder(length);
        for (int i = 0; i < length; i++) {
            id.append(ALPHABET.charAt(source.nextInt(ALPHABET.length())));
        }
        return id.toString();
    }
}
