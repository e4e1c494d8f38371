package dev.ferry.node.hooks;

/**
 * How a call of a hook ended.
 *
 * @param trouble why it failed, for people; empty: it goes on
 */
record HookAnswer(String trouble) {
    private static final int MOST_CHARACTERS = 300;

    static final HookAnswer GO_ON = new HookAnswer("");

    /**
     * A failed one.
     *
     * @param how such as "ended with status 1"
     * @param output of the hook, whose last line is quoted
     */
    static HookAnswer failed(String how, String output) {
        String last = output.lines().filter(line -> !line.isBlank()).reduce("", (one, next) -> next).strip().replaceAll("\\p{Cntrl}", "?");
        String shown = last.length() > MOST_CHARACTERS ? last.substring(0, MOST_CHARACTERS) + "..." : last;
        return new HookAnswer(shown.isEmpty() ? how : how + ": " + shown);
    }

    boolean isWell() {
        return trouble.isEmpty();
    }
}
