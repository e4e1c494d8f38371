package dev.ferry.cli.output;

import dev.ferry.common.Durations;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Resources;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Single values as people read them. */
public final class Texts {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss").withZone(ZoneId.systemDefault());

    private Texts() {}

    public static String state(JobState state) {
        return state == JobState.CANCELLED_JOB ? "CANCELLED" : state.name();
    }

    /** How long ago; empty: never. */
    public static String ago(long millis) {
        return millis == 0 ? "" : shortTime(Duration.ofMillis(Math.max(0, System.currentTimeMillis() - millis)));
    }

    /** 7s, 12m, 3h, 2d. */
    static String shortTime(Duration time) {
        long seconds = time.toSeconds();
        if (seconds < 120) {
            return seconds + "s";
        }
        if (seconds < 7200) {
            return seconds / 60 + "m";
        }
        return seconds < 172_800 ? seconds / 3600 + "h" : seconds / 86_400 + "d";
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

    public static String cpus(long millis) {
        return millis % 1000 == 0 ? Long.toString(millis / 1000) : String.format(Locale.ROOT, "%.1f", millis / 1000.0);
    }

    /** used/all. */
    public static String use(Resources used, Resources all) {
        return cpus(used.getCpuMillis()) + "/" + cpus(all.getCpuMillis()) + " CPUs, " + bytes(used.getMemoryBytes()) + "/" + bytes(all.getMemoryBytes());
    }
}
