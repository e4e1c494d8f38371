package dev.ferry.cli;

/**
 * What the cache for short commands is made from, by {@code tools/aot.sh}: the verb that is asked for most, by the coordinator's local socket and by the network with
 * TLS, in one process, because a cache holds what one process loaded.
 */
public final class StartupTraining {
    private StartupTraining() {}

    /**
     * @param arguments address of a coordinator of this user on this machine, and the file of its authority
     */
    public static void main(String[] arguments) {
        String[] near = {"ps", "--server", arguments[0]};
        String[] far = {"ps", "--server", arguments[0], "--ca-file", arguments[1]};
        int status = Math.max(Main.commandLine(near).execute(near), Main.commandLine(far).execute(far));
        System.out.flush();
        System.exit(status);
    }
}
