package dev.ferry.cli.demo;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.OperationView;
import dev.ferry.cli.output.Terminal;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.LogChunk;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.ReadLogRequest;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What the demo shows while it goes on: the training's progress, and the operations between. Safe for threads. */
final class DemoScreen {
    private static final Pattern PROGRESS = Pattern.compile("step (\\d+) loss ([\\d.]+)");
    private static final int SHOW_EVERY = 40;

    private final PrintStream out;
    private final boolean live = Terminal.is();
    private final long began = System.nanoTime();
    private final ByteArrayOutputStream line = new ByteArrayOutputStream();
    private @Nullable OperationView view;
    private String node = "node-1";
    private int step;
    private int lastShown;
    private boolean drawn;

    DemoScreen(PrintStream out) {
        this.out = out;
    }

    synchronized void say(String text) {
        clear();
        out.println(time() + "  " + text);
    }

    private String time() {
        return String.format(Locale.ROOT, "%5.1f s", (System.nanoTime() - began) / 1e9);
    }

    /** Reads the training's log until it ends, wherever the job is. */
    void follow(Client client, String job) {
        try {
            ReadLogRequest request = ReadLogRequest.newBuilder().setJob(job).setFollow(true).build();
            client.each(stub -> stub.readLog(request), (LogChunk piece) -> take(piece.getData().toByteArray()));
        } catch (FerryException over) {
            synchronized (this) {
                notifyAll();
            }
        }
    }

    private synchronized void take(byte[] piece) {
        for (byte next : piece) {
            if (next == '\n') {
                training(line.toString(StandardCharsets.UTF_8));
                line.reset();
            } else {
                line.write(next);
            }
        }
    }

    private void training(String text) {
        Matcher progress = PROGRESS.matcher(text);
        if (!progress.matches()) {
            return;
        }
        step = Integer.parseInt(progress.group(1));
        notifyAll();
        String shown = time() + "  " + String.format(Locale.ROOT, "%-6s  step %4d of %d  loss %s  %s", node, step, Demo.STEPS, progress.group(2), bar());
        if (live) {
            clear();
            out.print(shown);
            out.flush();
            drawn = true;
        } else if (step >= lastShown + SHOW_EVERY || step == Demo.STEPS) {
            out.println(shown);
            lastShown = step;
        }
    }

    private String bar() {
        int full = step * 30 / Demo.STEPS;
        return "[" + "=".repeat(full) + " ".repeat(30 - full) + "]";
    }

    private void clear() {
        if (drawn) {
            out.print("\r" + " ".repeat(90) + "\r");
            drawn = false;
        }
    }

    synchronized void begin(String title, Operation operation) {
        say(title + "  (" + operation.getId() + ", at step " + step + ")");
        view = new OperationView(out, false, "         ");
    }

    synchronized void operation(Operation told) {
        clear();
        if (view != null) {
            view.show(told);
        }
    }

    synchronized void ended(Job job) {
        node = job.getNode();
    }

    synchronized int lastStep() {
        return step;
    }

    synchronized boolean awaitStep(int wanted, Duration atMost) throws InterruptedException {
        long end = System.nanoTime() + atMost.toNanos();
        while (step < wanted) {
            long left = (end - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                return false;
            }
            wait(left);
        }
        return true;
    }

    synchronized void end() {
        clear();
        out.flush();
    }
}
