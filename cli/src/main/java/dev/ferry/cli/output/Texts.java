package dev.ferry.cli.output;

import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Proof;
import dev.ferry.proto.v1.Resources;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Single values as people read them. */
public final class Texts {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss").withZone(ZoneId.systemDefault());

    private Texts() {}

    /** As {@link #plain}, of lines that stay apart. */
    public static String plainLines(String text) {
        return text.lines().map(Texts::plain).collect(Collectors.joining("\n", "", text.endsWith("\n") ? "\n" : ""));
    }

    /** On one line, and without what a terminal would take for an order: names, commands and messages are others' texts. */
    public static String plain(String text) {
        StringBuilder plain = new StringBuilder(text);
        for (int at = 0; at < plain.length(); at++) {
            if (Character.isISOControl(plain.charAt(at))) {
                plain.setCharAt(at, plain.charAt(at) == '\t' ? ' ' : '?');
            }
        }
        return plain.toString();
    }

    /** One line of what is said about one thing; nothing where there is no value. */
    public static String line(int width, String key, String value) {
        return value.isEmpty() ? "" : String.format(Locale.ROOT, "%-" + width + "s %s%n", key, plain(value));
    }

    /** A command as one would give it to a shell. */
    public static String command(List<String> words) {
        return words.stream().map(word -> word.matches("[A-Za-z0-9_./:=,@%+-]+") ? word : "'" + word.replace("'", "'\\''") + "'").collect(Collectors.joining(" "));
    }

    /**
     * The state of a name that {@link #state} gives, in letters of either case.
     *
     * @throws FerryException INVALID_ARGUMENT
     */
    public static JobState jobState(String name) {
        return Stream.of(JobState.values())
                .filter(state -> state != JobState.UNRECOGNIZED && state != JobState.JOB_STATE_UNSPECIFIED && state(state).equalsIgnoreCase(name))
                .findFirst()
                .orElseThrow(() -> new FerryException(ErrorCode.INVALID_ARGUMENT, "'" + name + "' is no state of a job; write for example running, suspended or lost"));
    }

    public static String state(JobState state) {
        return state == JobState.CANCELLED_JOB ? "CANCELLED" : state.name();
    }

    /** How long ago; empty: never. */
    public static String ago(long millis) {
        return millis == 0 ? "" : shortTime(Duration.ofMillis(Math.max(0, System.currentTimeMillis() - millis)));
    }

    /** in 28s, 3s ago, or nothing when it is not known. */
    public static String left(long millis) {
        if (millis == 0) {
            return "";
        }
        long left = millis - System.currentTimeMillis();
        return left >= 0 ? "in " + shortTime(Duration.ofMillis(left)) : ago(millis) + " ago";
    }

    /** 7s, 12m, 3h, 2d. */
    public static String shortTime(Duration time) {
        long seconds = time.toSeconds();
        if (seconds < 120) {
            return seconds + "s";
        }
        if (seconds < 7200) {
            return seconds / 60 + "m";
        }
        return seconds < 172_800 ? seconds / 3600 + "h" : seconds / 86_400 + "d";
    }

    /** What a node's lease stands at; empty: it has none. */
    public static String lease(Node node) {
        if (node.getLeaseMillis() == 0) {
            return "";
        }
        return node.getLeaseLeftMillis() == 0 ? "over" : shortTime(Duration.ofMillis(node.getLeaseLeftMillis() + 999)) + " left";
    }

    /** Why it is known that a life has stopped; empty: nothing is recorded. */
    public static String proof(Proof proof) {
        String kind =
                switch (proof.getKind()) {
                    case PROOF_RECEIPT -> "the daemon's receipt";
                    case PROOF_LEASE -> "the lease's end";
                    case PROOF_CLOUD -> "the cloud's word";
                    case PROOF_OPERATOR -> "an operator's word";
                    case PROOF_UNSPECIFIED, UNRECOGNIZED -> "";
                };
        return kind.isEmpty() ? "" : "life " + proof.getIncarnation() + " on " + proof.getNode() + " has stopped by " + kind + " at " + at(proof.getAt()) + ": " + proof.getDetail();
    }

    public static String at(long millis) {
        return millis == 0 ? "" : TIME.format(Instant.ofEpochMilli(millis));
    }

    public static String micros(long micros) {
        return micros == 0 ? "" : Durations.format(Duration.ofNanos(micros * 1000));
    }

    public static String bytes(long bytes) {
        return Sizes.format(bytes);
    }

    /** Without loss: 2, 0.25. */
    public static String cpus(long millis) {
        return BigDecimal.valueOf(millis, 3).stripTrailingZeros().toPlainString();
    }

    /** used/all. */
    public static String use(Resources used, Resources all) {
        return cpus(used.getCpuMillis()) + "/" + cpus(all.getCpuMillis()) + " CPUs, " + bytes(used.getMemoryBytes()) + "/" + bytes(all.getMemoryBytes()) + (all.getGpus() == 0 ? "" : ", " + used.getGpus() + "/" + all.getGpus() + " GPUs");
    }
}
