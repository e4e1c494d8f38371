package dev.ferry.cli.output;

import dev.ferry.common.Durations;
import dev.ferry.proto.v1.CommandProgress;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.PhaseTime;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import java.util.stream.Collectors;

/** Shows an operation while it goes on: one line for each step that has ended, on a terminal also what is done now. */
public final class OperationView {
    private final PrintStream out;
    private final boolean live;
    private final String indent;
    private int shown;
    private int liveLength;

    /**
     * @param live whether the last line may be drawn anew
     */
    public OperationView(PrintStream out, boolean live, String indent) {
        this.out = out;
        this.live = live;
        this.indent = indent;
    }

    public synchronized void show(Operation operation) {
        clearLive();
        while (shown < operation.getStepsCount() && operation.getSteps(shown).getState() != StepState.STEP_OPEN) {
            out.println(indent + line(operation.getSteps(shown)));
            shown++;
        }
        if (live && operation.getState() == OperationState.OPEN && shown < operation.getStepsCount()) {
            String text = indent + now(operation.getSteps(shown));
            out.print(text);
            out.flush();
            liveLength = text.length();
        }
    }

    private void clearLive() {
        if (liveLength > 0) {
            out.print("\r" + " ".repeat(liveLength) + "\r");
            liveLength = 0;
        }
    }

    private static String now(Step step) {
        CommandProgress progress = step.getProgress();
        String what = progress.getPhase().isEmpty() ? "" : " " + progress.getPhase();
        String bytes = progress.getBytesDone() == 0 ? "" : " " + Texts.bytes(progress.getBytesDone());
        return Texts.plain(step.getName() + where(step) + what + bytes + " ...");
    }

    /** One step that has ended: what, where, how long, its phases, its error. */
    public static String line(Step step) {
        String mark = step.getState() == StepState.STEP_DONE ? "+" : "x";
        String time = Durations.format(Duration.ofMillis(step.getEndedAt() - step.getStartedAt()));
        String phases = step.getPhasesList().stream().map(OperationView::phase).collect(Collectors.joining(", "));
        String text = mark + " " + String.format(Locale.ROOT, "%-9s", step.getName()) + where(step) + "  " + time;
        if (!phases.isEmpty()) {
            text += "  (" + phases + ")";
        }
        if (!step.getNote().isEmpty()) {
            text += "  " + step.getNote();
        }
        return Texts.plain(step.hasError() ? text + "  " + step.getError().getCode() + ": " + step.getError().getMessage() : text);
    }

    private static String where(Step step) {
        return step.getNode().isEmpty() ? "" : " on " + step.getNode();
    }

    private static String phase(PhaseTime phase) {
        String bytes = phase.getBytes() == 0 ? "" : " " + Texts.bytes(phase.getBytes());
        // What only counts bytes took no time of its own.
        String time = phase.getMicros() == 0 && phase.getBytes() > 0 ? "" : " " + Texts.micros(Math.max(1, phase.getMicros()));
        return phase.getName() + time + bytes;
    }
}
