package dev.ferry.coordinator.access;

/** What a caller must show to be let in. */
public enum Door {
    /** A token, whose role decides. */
    TOKEN("a token"),
    /** A node's certificate. */
    NODE("a node's certificate"),
    /** A join token, which lets one machine become a node. */
    JOIN("a join token");

    private final String words;

    Door(String words) {
        this.words = words;
    }

    /** For people. */
    public String words() {
        return words;
    }
}
