package dev.ferry.node.notices;

import dev.ferry.node.notices.Announcement.Deadline;
import dev.ferry.proto.v1.NoticeKind;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What Slurm says of the node on which the daemon runs beside it: one that is drained, rebooted or powered off is to be emptied of Ferry's jobs
 * too. Source: slurm.schedmd.com/scontrol.html (show node), slurm.schedmd.com/sinfo.html (node state codes).
 */
final class SlurmSource implements NoticeSource {
    /** State=DOWN*+DRAIN: words, each with marks such as * for a node that does not answer. */
    private static final Pattern STATE = Pattern.compile("(?m)(?:^|\\s)State=([A-Z_]\\S*)");

    private static final Pattern MARKS = Pattern.compile("[^A-Z_]+$");
    private static final Pattern NAME = Pattern.compile("(?m)(?:^|\\s)NodeName=(\\S+)");
    private static final Pattern BOOT = Pattern.compile("\\bBootTime=(\\S+)");
    /** Reason=maintenance of rack 7 [root@2030-01-02T03:04:05], to the end of the line or the next key. */
    private static final Pattern REASON = Pattern.compile("(?m)(?:^|\\s)Reason=(.*?)(?=\\s+[A-Za-z]+=|\\s*$)");

    private static final Set<String> EMPTIED = Set.of("DRAIN", "DRAINED", "DRAINING", "MAINT", "REBOOT_REQUESTED", "REBOOT_ISSUED", "POWER_DOWN", "POWERING_DOWN");
    private static final int LONGEST = 200;

    private final String scontrol;
    private final String node;
    private final Duration poll;

    /**
     * @param scontrol the program, by name or path
     * @param node its name in Slurm
     */
    SlurmSource(String scontrol, String node, Duration poll) {
        this.scontrol = scontrol;
        this.node = node;
        this.poll = poll;
    }

    @Override
    public String name() {
        return "slurm";
    }

    @Override
    public List<Announcement> look() throws IOException, InterruptedException {
        return read(node, CommandOutput.of(List.of(scontrol, "-o", "show", "node", node)));
    }

    static List<Announcement> read(String node, String said) throws Garbage {
        Matcher name = NAME.matcher(said);
        Matcher state = STATE.matcher(said);
        if (!name.find() || !name.group(1).equals(node) || !state.find()) {
            throw new Garbage("scontrol show node " + node, said);
        }
        Set<String> why = Arrays.stream(state.group(1).split("\\+")).map(word -> MARKS.matcher(word).replaceFirst("")).filter(EMPTIED::contains).collect(Collectors.toCollection(TreeSet::new));
        if (why.isEmpty()) {
            return List.of();
        }
        Matcher found = REASON.matcher(said);
        String reason = Optional.of(found).filter(Matcher::find).map(match -> match.group(1).strip()).orElse("");
        String shown = reason.length() > LONGEST ? reason.substring(0, LONGEST) : reason;
        // The reason names who said it and when: a drain after the next resume is another event.
        Matcher boot = BOOT.matcher(said);
        // Without a reason the states and the boot tell one power-down from the next.
        String which = shown.isEmpty() ? String.join("+", why) + (boot.find() ? "-" + boot.group(1) : "") : shown;
        String event = "drain-" + which.replaceAll("[^A-Za-z0-9.:@+_-]+", "_");
        return List.of(new Announcement(event, NoticeKind.MAINTENANCE, new Deadline.Unknown(), 1, "Slurm: " + String.join("+", why) + (shown.isEmpty() ? "" : ", " + shown)));
    }

    @Override
    public Duration pause() {
        return poll;
    }

    @Override
    public int looksUntilGone() {
        return 1;
    }
}
