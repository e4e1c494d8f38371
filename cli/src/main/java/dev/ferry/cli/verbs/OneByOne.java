package dev.ferry.cli.verbs;

import dev.ferry.cli.output.Failure;
import dev.ferry.common.FerryException;
import java.util.List;
import java.util.function.Consumer;

/** Asks the same of several things that a user names: what is wrong with one keeps nobody from the others. */
final class OneByOne {
    private OneByOne() {}

    /**
     * @param work what is done with each name; a refusal is told of
     * @return 0, or the exit status of the first that was refused
     * @throws FerryException what is wrong, where there is one name only; that nobody answers
     */
    static int each(List<String> names, Consumer<String> work) {
        int status = 0;
        for (String name : names) {
            try {
                work.accept(name);
            } catch (FerryException refused) {
                if (names.size() == 1 || Operations.isAway(refused)) {
                    throw refused;
                }
                int its = Failure.print(refused, false);
                status = status == 0 ? its : status;
            }
        }
        return status;
    }
}
