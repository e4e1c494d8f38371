package dev.ferry.node.doctor;

/**
 * One line of the doctor.
 *
 * @param found what is there
 * @param advice what to do about it; empty: nothing
 */
public record Check(String name, Status status, String found, String advice) {
    /** How bad it is. */
    public enum Status {
        OK,
        /** Something is not as good as it could be. */
        WARNING,
        /** Jobs can't be saved and restored like this. */
        MISSING
    }

    static Check ok(String name, String found) {
        return new Check(name, Status.OK, found, "");
    }

    static Check warning(String name, String found, String advice) {
        return new Check(name, Status.WARNING, found, advice);
    }

    static Check missing(String name, String found, String advice) {
        return new Check(name, Status.MISSING, found, advice);
    }
}
