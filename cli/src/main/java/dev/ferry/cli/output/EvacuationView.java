package dev.ferry.cli.output;

import dev.ferry.common.Durations;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.EvacuationState;
import dev.ferry.proto.v1.EvacuationWay;
import dev.ferry.proto.v1.Evacuee;
import dev.ferry.proto.v1.EvacueeState;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** Evacuations as people read them. */
public final class EvacuationView {
    private EvacuationView() {}

    /** One line for each. */
    public static String table(List<Evacuation> evacuations) {
        Table table = new Table("EVACUATION", "NODE", "STATE", "KIND", "DEADLINE", "BEGAN", "JOBS", "ELSEWHERE", "FROM IMAGE", "LOST", "REASON");
        for (Evacuation one : evacuations) {
            table.row(
                    one.getId(), one.getNode(), one.getState().name(), one.getKind().name(), Texts.left(one.getDeadline()), Texts.ago(one.getBeganAt()), Integer.toString(one.getJobsCount()),
                    Long.toString(count(one, EvacueeState.ELSEWHERE)), Long.toString(one.getJobsList().stream().filter(Evacuee::getFromImage).count()), Long.toString(count(one, EvacueeState.IS_LOST)), one.getReason());
        }
        return table.toString();
    }

    private static long count(Evacuation evacuation, EvacueeState state) {
        return evacuation.getJobsList().stream().filter(job -> job.getState() == state).count();
    }

    /** One, with its plan and what became of each job. */
    public static String text(Evacuation one) {
        StringBuilder text = new StringBuilder();
        text.append(one.getDryRun() ? "If " + one.getNode() + " went away " : one.getId() + "  " + one.getNode() + " is " + one.getState() + ", its machine goes away ").append(Texts.left(one.getDeadline()));
        text.append(one.getReason().isEmpty() ? "" : ": " + one.getReason()).append('\n');
        text.append(
                String.format(
                        Locale.ROOT, "link %s/s, one dump reads %s/s and takes %s besides%n", Texts.bytes((long) one.getLinkBytesPerSecond()), Texts.bytes((long) one.getScanBytesPerSecond()), Durations.format(Duration.ofMillis(one.getFixedMillis()))));
        if (!one.getGone().isEmpty()) {
            text.append("the machine is gone, by the word of ").append(one.getGone()).append('\n');
        }
        if (one.getJobsCount() == 0) {
            return text.append("no jobs\n").toString();
        }
        text.append(jobs(one));
        double atStake = one.getJobsList().stream().mapToDouble(Evacuee::getWorth).sum();
        double lost = one.getJobsList().stream().filter(job -> job.getWay() == EvacuationWay.WAY_WILL_NOT_MAKE_IT || job.getWay() == EvacuationWay.WAY_COVERED).mapToDouble(Evacuee::getWorth).sum();
        if (one.getDryRun() || one.getState() == EvacuationState.EVACUATING) {
            text.append(String.format(Locale.ROOT, "%.0f of %.0f CPU seconds of work would be lost%n", lost, atStake));
        }
        return text.toString();
    }

    /** Those of its jobs that stand otherwise than before; empty: none. */
    public static String changed(Evacuation before, Evacuation now) {
        Set<List<Object>> known = before.getJobsList().stream().map(EvacuationView::standing).collect(Collectors.toSet());
        List<Evacuee> changed = now.getJobsList().stream().filter(job -> !known.contains(standing(job))).toList();
        return changed.isEmpty() ? "" : jobs(now.toBuilder().clearJobs().addAllJobs(changed).build());
    }

    /** Without the times, which run by themselves. */
    private static List<Object> standing(Evacuee job) {
        return List.of(job.getJob(), job.getWay(), job.getState(), job.getFromImage(), job.getOperation());
    }

    /** How it stands when nothing more is to be taken away. */
    public static String end(Evacuation one) {
        long left = count(one, EvacueeState.STILL_THERE);
        long waiting = count(one, EvacueeState.WAITS_FOR_ROOM);
        long lost = count(one, EvacueeState.IS_LOST);
        String stays = (isTakenBack(one) ? ", its machine is to stay: the evacuation was taken back" : "") + (left == 0 ? "" : "; still on it: " + left + shown(one));
        String wait = waiting == 0 ? "" : ", no job is left on it; stored, and waiting for room: " + waiting + shown(one);
        return one.getNode() + ": " + one.getState() + stays + wait + (lost == 0 ? "" : ", LOST: " + lost) + "\n";
    }

    /** Whether the machine is no longer to be emptied: jobs may be on it, and new ones come. */
    public static boolean isTakenBack(Evacuation one) {
        return one.getTakenBack() && one.getGone().isEmpty();
    }

    private static String shown(Evacuation one) {
        return " ('ferry evacuations " + one.getId() + "' shows them)";
    }

    /** One line for each job. */
    public static String jobs(Evacuation one) {
        Table table = new Table("JOB", "NAME", "WAY", "STATE", "WHOLE AT", "SENDS", "UNSAVED", "OPERATION", "WHY");
        for (Evacuee job : one.getJobsList()) {
            table.row(
                    job.getJob(), job.getName(), way(job), job.getState().name() + (job.getFromImage() ? ", from image " + job.getImage() : ""), Durations.format(Duration.ofMillis(job.getEndsMillis())),
                    Texts.bytes(job.getSendBytes()), Texts.shortTime(Duration.ofMillis(job.getUnsavedMillis())), job.getOperation(), job.getWhy());
        }
        return table.toString();
    }

    private static String way(Evacuee job) {
        String now = job.getWay().name().replaceFirst("^WAY_", "");
        boolean changed = job.getFirstWay() != EvacuationWay.EVACUATION_WAY_UNSPECIFIED && job.getFirstWay() != job.getWay();
        return changed ? now + " (first " + job.getFirstWay().name().replaceFirst("^WAY_", "") + ")" : now;
    }
}
