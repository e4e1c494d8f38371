package dev.ferry.node.emulator;

import java.io.IOException;
import java.time.Duration;

/** How one cloud's metadata server answers about a machine. */
interface Protocol {
    void answer(Call call, Machine machine) throws IOException, InterruptedException;

    /** How long before its end a machine is told, as the cloud documents it. */
    Duration usualNotice();
}
