package dev.ferry.cli.chaos;

import java.util.List;

/**
 * One migration with one fault.
 *
 * @param step of the operation at which the fault came; empty: after a time
 * @param outcome the operation's state, and its error's code if it failed
 * @param millis from the operation's begin until the job ran again, with nothing open
 * @param restored whether the job went on from an image, because its node was lost
 * @param violations what must never be; empty in a good round
 */
public record Round(int number, String job, Fault fault, String step, boolean live, String outcome, long millis, boolean restored, List<String> violations) {
    public Round {
        violations = List.copyOf(violations);
    }
}
