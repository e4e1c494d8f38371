package dev.ferry.cli.bench;

import dev.ferry.common.Sizes;
import dev.ferry.node.doctor.Check;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A {@link GpuReport} as Markdown. */
final class GpuReportText {
    private final GpuReport report;
    private final StringBuilder text = new StringBuilder();

    GpuReportText(GpuReport report) {
        this.report = report;
    }

    String text() {
        line("# Ferry on GPUs");
        if (report.standIn()) {
            line("**gpu: stand-in.** A program played the GPUs and their driver: no figure here is one of a GPU.");
        }
        line(report.good() ? "**Everything that was tried works.**" : report.finished() ? "**Not everything works; what was refused is quoted below.**" : "**The run is not over, or was cut off.**");
        report.machine().forEach((key, value) -> text.append("- ").append(key).append(": ").append(value).append('\n'));
        text.append('\n');
        refusals(report.refusals());
        doctor();
        report.trials().forEach(this::trial);
        report.driver().ifPresent(this::driver);
        if (!report.kernel().isEmpty()) {
            line("## What the kernel's log says of the driver");
            quote(report.kernel());
        }
        return text.toString();
    }

    private void line(String words) {
        text.append(words).append("\n\n");
    }

    private void doctor() {
        line("## Doctor");
        text.append("| | what | found |\n| --- | --- | --- |\n");
        for (Check check : report.doctor()) {
            text.append("| ").append(check.status()).append(" | ").append(check.name()).append(" | ").append(cell(check.found()));
            text.append(check.advice().isEmpty() ? "" : "; what to do: " + cell(check.advice())).append(" |\n");
        }
        text.append('\n');
    }

    private static String cell(String words) {
        return words.replace("|", "\\|").replace("\n", " ");
    }

    private void trial(GpuReport.Trial trial) {
        line("## " + trial.program() + ": " + trial.verdict());
        line((trial.deviceBytes() > 0 ? Sizes.format(trial.deviceBytes()) + " of device memory. " : "") + "Compared: " + trial.compared() + ".");
        refusals(trial.refusals());
        List<GpuReport.Act> done = trial.acts().stream().filter(act -> act.verdict() == GpuReport.Verdict.WORKS).toList();
        if (!done.isEmpty()) {
            List<String> parts = GpuReport.PARTS.stream().filter(part -> done.stream().anyMatch(act -> act.milliseconds().containsKey(part))).toList();
            text.append("| milliseconds | ").append(String.join(" | ", parts)).append(" | to host | to device |\n|").append(" --- |".repeat(parts.size() + 3)).append('\n');
            for (GpuReport.Act act : done) {
                text.append("| ").append(act.name());
                parts.forEach(part -> text.append(" | ").append(act.milliseconds().containsKey(part) ? Figure.number(act.milliseconds().get(part)) : ""));
                text.append(" | ").append(rate(trial.deviceBytes(), act.milliseconds().get(GpuReport.TO_HOST))).append(" | ").append(rate(trial.deviceBytes(), act.milliseconds().get(GpuReport.TO_DEVICE))).append(" |\n");
            }
            text.append('\n');
        }
        for (GpuReport.Act act : trial.acts()) {
            if (act.verdict() == GpuReport.Verdict.NOT_TRIED) {
                line("- " + act.name() + ": not tried, " + act.note());
            }
            if (act.refusal() != null) {
                line("- " + act.name() + ": refused");
                refusals(List.of(act.refusal()));
            }
        }
    }

    /** By the bytes that the program works on: the driver's own count holds its contexts too. */
    private static String rate(long bytes, @Nullable Double milliseconds) {
        return milliseconds == null || milliseconds <= 0 ? "" : Figure.number(bytes / 1e6 / milliseconds) + " GB/s";
    }

    private void driver(GpuReport.Driver driver) {
        line("## The driver without Ferry, in the same run");
        line("The C program with " + Sizes.format(driver.deviceBytes()) + " of device memory, each " + driver.milliseconds().values().stream().mapToInt(List::size).max().orElse(0) + " times: median (least to most).");
        text.append("| what | ms | GB/s |\n| --- | --- | --- |\n");
        driver.gigabytesPerSecond().forEach((name, values) -> text.append("| copy, pinned memory, ").append(name).append(" | | ").append(BenchReport.series(new Series(name, values), "")).append(" |\n"));
        driver.milliseconds().forEach((name, values) -> {
            Series series = new Series(name, values);
            boolean copies = name.equals("checkpoint") || name.equals("restore");
            text.append("| call ").append(name).append(" | ").append(BenchReport.series(series, "")).append(" | ").append(copies ? Figure.number(driver.deviceBytes() / 1e6 / series.median()) : "").append(" |\n");
        });
        text.append('\n');
        refusals(driver.refusals());
    }

    private void refusals(List<GpuReport.Refusal> refusals) {
        for (GpuReport.Refusal refusal : refusals) {
            line("> " + refusal.code() + ": " + refusal.message() + (refusal.advice().isEmpty() ? "" : " (" + refusal.advice() + ")"));
            quote(refusal.evidence());
        }
    }

    private void quote(List<String> lines) {
        if (!lines.isEmpty()) {
            line("```\n" + String.join("\n", lines) + "\n```");
        }
    }
}
