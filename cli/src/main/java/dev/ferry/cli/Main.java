package dev.ferry.cli;

/** Entry of the {@code ferry} command. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        System.err.println("ferry: no command is built in yet");
        System.exit(69);
    }
}
