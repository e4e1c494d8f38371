package dev.ferry.node.cgroup;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Devices that a group may use, and for what.
 *
 * @param type c or b
 * @param major {@link #ANY}: all
 * @param minor {@link #ANY}: all
 * @param access some of r, w and m (mknod)
 */
record DeviceRule(char type, int major, int minor, String access) {
    static final int ANY = -1;
    private static final Pattern WORDS = Pattern.compile("([bc]) (\\*|\\d{1,7}):(\\*|\\d{1,7}) ([rwm]{1,3})");

    /**
     * The devices that every job may use, the same that runc allows by itself: nodes of any number may be made, so that CRIU finds room for those of its
     * image (a job itself has no CAP_MKNOD), and null, zero, full, random, urandom, tty, ptmx and the job's own terminals may be opened.
     */
    static final List<DeviceRule> EVERY_JOB =
            List.of("c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm").stream().map(DeviceRule::parse).toList();

    /** Reads the language of the v1 controller, for example {@code c 195:0 rw}. */
    static DeviceRule parse(String rule) {
        Matcher words = WORDS.matcher(rule);
        if (!words.matches()) {
            throw new IllegalArgumentException("'" + rule + "' is no rule for devices; one is 'c 195:0 rw'");
        }
        return new DeviceRule(words.group(1).charAt(0), number(words.group(2)), number(words.group(3)), words.group(4));
    }

    private static int number(String word) {
        return word.equals("*") ? ANY : Integer.parseInt(word);
    }

    /** The rule in the language of the v1 controller. */
    @Override
    public String toString() {
        return type + " " + (major == ANY ? "*" : major) + ":" + (minor == ANY ? "*" : minor) + " " + access;
    }
}
