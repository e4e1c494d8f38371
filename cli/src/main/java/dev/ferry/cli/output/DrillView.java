package dev.ferry.cli.output;

import dev.ferry.common.Durations;
import dev.ferry.proto.v1.Drill;
import dev.ferry.proto.v1.DrillKind;
import dev.ferry.proto.v1.DrillOutcome;
import dev.ferry.proto.v1.DrillState;
import dev.ferry.proto.v1.DrilledImage;
import dev.ferry.proto.v1.DrilledJob;
import java.time.Duration;
import java.util.List;
import java.util.Locale;

/** Drills as people read them. */
public final class DrillView {
    private DrillView() {}

    /** One line for each. */
    public static String table(List<Drill> drills) {
        Table table = new Table("DRILL", "KIND", "NODE", "STATE", "BEGAN", "JOBS", "IMAGES", "WELL");
        for (Drill drill : drills) {
            table.row(drill.getId(), kind(drill), drill.getNode(), drill.getState().name().replaceFirst("^DRILL_", ""), Texts.ago(drill.getBeganAt()), Integer.toString(drill.getJobsCount()), Integer.toString(drill.getImagesCount()), well(drill));
        }
        return table.toString();
    }

    private static String kind(Drill drill) {
        return drill.getKind() == DrillKind.DRILL_NODE ? "node" : "restore";
    }

    private static String well(Drill drill) {
        if (drill.getState() == DrillState.DRILL_OPEN) {
            return "-";
        }
        return hasTriedNothing(drill) ? "not tried" : isWell(drill) ? "yes" : "no";
    }

    /** Whether it was to try images and has come to its end without having tried one: nothing is known of any. */
    public static boolean hasTriedNothing(Drill drill) {
        return drill.getKind() == DrillKind.DRILL_RESTORE && drill.getState() == DrillState.DRILL_DONE && tried(drill) == 0;
    }

    private static long tried(Drill drill) {
        return drill.getImagesList().stream().filter(image -> image.getOutcome() == DrillOutcome.CAN_BE_RESTORED || image.getOutcome() == DrillOutcome.CANT_BE_RESTORED).count();
    }

    /** Whether nothing was found that somebody has to look at. */
    public static boolean isWell(Drill drill) {
        boolean jobs = drill.getJobsList().stream().noneMatch(job -> job.getOutcome() == DrillOutcome.WOULD_BE_TOO_LATE || job.getOutcome() == DrillOutcome.WOULD_BE_LOST);
        return jobs && drill.getImagesList().stream().noneMatch(image -> image.getOutcome() == DrillOutcome.CANT_BE_RESTORED) && drill.getBrokenOff().isEmpty();
    }

    /** One, with all that it has found. */
    public static String text(Drill drill) {
        StringBuilder text = new StringBuilder();
        text.append(drill.getId()).append("  ").append(kind(drill)).append(drill.getNode().isEmpty() ? "" : " " + drill.getNode()).append(", ").append(drill.getState().name().replaceFirst("^DRILL_", ""));
        text.append(drill.getBrokenOff().isEmpty() ? "\n" : ", broken off: " + drill.getBrokenOff() + "\n");
        return text.append(drill.getKind() == DrillKind.DRILL_NODE ? jobs(drill) : images(drill)).toString();
    }

    private static String jobs(Drill drill) {
        StringBuilder text = new StringBuilder();
        text.append(
                String.format(
                        Locale.ROOT, "notice %s; link %s/s, one dump reads %s/s and takes %s besides%n", time(drill.getDeadline() - drill.getBeganAt()), Texts.bytes((long) drill.getLinkBytesPerSecond()),
                        Texts.bytes((long) drill.getScanBytesPerSecond()), time(drill.getFixedMillis())));
        if (drill.getJobsCount() == 0) {
            return text.append("no jobs\n").toString();
        }
        Table table = new Table("JOB", "NAME", "PLAN", "ROOM", "EXPECTED AT", "WHOLE AT", "OUTCOME", "WORTH CPU S", "IMAGE", "WHY");
        for (DrilledJob job : drill.getJobsList()) {
            table.row(
                    job.getJob(), job.getName(), job.getWay().name().replaceFirst("^WAY_", ""), job.getRoom() ? "yes" : "no", time(job.getPlannedMillis()), job.getTookMillis() == 0 ? "" : time(job.getTookMillis()), outcome(job.getOutcome()),
                    String.format(Locale.ROOT, "%.0f", job.getWorth()), job.getImage(), job.getWhy());
        }
        double all = drill.getJobsList().stream().mapToDouble(DrilledJob::getWorth).sum();
        double saved = drill.getJobsList().stream().filter(job -> job.getOutcome() == DrillOutcome.WOULD_BE_SAVED).mapToDouble(DrilledJob::getWorth).sum();
        return text.append(table).append(String.format(Locale.ROOT, "%.0f of %.0f CPU seconds of work would be saved%n", saved, all)).toString();
    }

    private static String images(Drill drill) {
        if (drill.getImagesCount() == 0) {
            return "no images: none was tried\n";
        }
        Table table = new Table("IMAGE", "JOB", "NODE", "OUTCOME", "PROCESSES", "TOOK", "WHY");
        for (DrilledImage image : drill.getImagesList()) {
            table.row(image.getImage(), image.getJob(), image.getNode(), outcome(image.getOutcome()), Integer.toString(image.getProcesses()), image.getTookMillis() == 0 ? "" : time(image.getTookMillis()), image.getWhy());
        }
        return table + String.format(Locale.ROOT, "%d of %d tried%n", tried(drill), drill.getImagesCount());
    }

    private static String outcome(DrillOutcome outcome) {
        return outcome == DrillOutcome.DRILL_OUTCOME_UNSPECIFIED ? "" : outcome.name();
    }

    private static String time(long millis) {
        return Durations.format(Duration.ofMillis(millis));
    }
}
