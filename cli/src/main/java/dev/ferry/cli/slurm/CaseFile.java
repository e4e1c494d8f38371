package dev.ferry.cli.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.accounts.Association;
import dev.ferry.scheduling.fairshare.FairshareMethod;
import dev.ferry.scheduling.fairshare.FairsharePolicy;
import dev.ferry.scheduling.fairshare.Ties;
import dev.ferry.scheduling.tres.Tres;
import dev.ferry.scheduling.tres.TresWeights;
import dev.ferry.scheduling.usage.Decay;
import dev.ferry.scheduling.usage.Extended;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/**
 * A case recorded from Slurm: one JSON object; docs/scheduling.md has its keys. What a table doesn't need may be missing, and unknown keys are passed over; what is needed and missing or can't be read is named.
 */
public final class CaseFile {
    private static final long WEEK = 7 * 86_400L;
    private static final int LONGEST_USE = 40;
    private static final int HIGHEST_DAMPING = 0xFFFF;
    private static final Pattern PAIR = Pattern.compile("(?:^|\\s)([A-Za-z][A-Za-z0-9/:&_]*)=(\"[^\"]*\"|\\S*)");

    private final String name;
    private final JsonNode root;

    private CaseFile(String name, JsonNode root) {
        this.name = name;
        this.root = root;
    }

    /**
     * @throws FerryException INVALID_ARGUMENT if the file can't be read or isn't a JSON object
     */
    public static CaseFile read(Path file) {
        try {
            JsonNode root = new ObjectMapper().readTree(Files.readAllBytes(file));
            if (!root.isObject()) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, file + " is not a recorded case: it must be one JSON object");
            }
            return new CaseFile(file.toString(), root);
        } catch (IOException unreadable) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Can't read the case " + file + ": " + unreadable.getMessage(), unreadable);
        }
    }

    /** What the case is about. */
    public enum Kind {
        /** Accounts and what they used, and perhaps waiting jobs. */
        TREE,
        /** What is left of use, tick by tick. */
        SERIES,
        /** What jobs are billed. */
        BILLING
    }

    public Kind kind() {
        if (has("associations")) {
            return Kind.TREE;
        }
        if (has("ticks")) {
            return Kind.SERIES;
        }
        if (has("results")) {
            return Kind.BILLING;
        }
        throw wrong("has neither 'associations' (accounts), nor 'ticks' (a series of decay), nor 'results' (billing)");
    }

    FerryException wrong(String what) {
        return wrong(what, null);
    }

    FerryException wrong(String what, @Nullable Throwable cause) {
        return new FerryException(ErrorCode.INVALID_ARGUMENT, name + " " + what, cause);
    }

    boolean has(String key) {
        return root.hasNonNull(key);
    }

    /** An array, or nothing. */
    List<JsonNode> list(String key) {
        return list(root.path(key));
    }

    /**
     * An array of what the tables are computed from; nothing if it is missing.
     *
     * @throws FerryException INVALID_ARGUMENT if it is anything else
     */
    List<JsonNode> array(String key) {
        JsonNode value = root.path(key);
        if (!value.isArray() && !value.isMissingNode() && !value.isNull()) {
            throw wrong("has '" + key + "' that is not an array");
        }
        return list(value);
    }

    /** Those of some recorded lines of sprio that begin with a job's id, without the spaces around. */
    List<String> rows(String key) {
        return list(key).stream().map(line -> line.asText().trim()).filter(line -> line.matches("\\d+\\s.*")).toList();
    }

    /** A span of time in seconds. */
    long span(String text, String where) {
        return SlurmText.span(text, name + ": " + where);
    }

    /** A time in seconds. */
    long instant(String text, String where) {
        return SlurmText.instant(text, name + ": " + where);
    }

    static List<JsonNode> list(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false).toList();
    }

    JsonNode node(String key) {
        return root.path(key);
    }

    /** A field's text, trimmed. */
    String text(JsonNode object, String key, String where) {
        JsonNode value = object.path(key);
        if (!value.isValueNode() || value.isNull()) {
            throw wrong(where + " lacks '" + key + "'");
        }
        return value.asText().trim();
    }

    /** A field of the case itself. */
    String text(String key) {
        return text(root, key, "the case");
    }

    long whole(JsonNode object, String key, String where) {
        return whole(text(object, key, where), where + "'s " + key);
    }

    long whole(String text, String where) {
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException unreadable) {
            throw wrong(where + " is '" + text + "', which is not a whole number");
        }
    }

    /** A line of scontrol: key=value, separated by spaces; quotes around a value are taken off. */
    static Map<String, String> pairs(String line) {
        Map<String, String> pairs = new LinkedHashMap<>();
        Matcher matcher = PAIR.matcher(line);
        while (matcher.find()) {
            pairs.putIfAbsent(matcher.group(1), matcher.group(2).replace("\"", ""));
        }
        return pairs;
    }

    /** A value of Slurm's configuration, or its default there. */
    String config(String key, String byDefault) {
        JsonNode value = root.path("config").path(key);
        return value.isValueNode() && !value.isNull() ? value.asText().trim() : byDefault;
    }

    /** Weights of resources. */
    TresWeights weights(String text, String where) {
        return read(text, where, TresWeights::parse);
    }

    /** Amounts of resources. */
    Tres tres(String text, String where) {
        return read(text, where, Tres::parse);
    }

    private <T> T read(String text, String where, Function<String, T> parse) {
        try {
            return parse.apply(text);
        } catch (FerryException unreadable) {
            throw wrong("has " + where + " that can't be read: " + unreadable.getMessage(), unreadable);
        }
    }

    /** A tree of associations. */
    AccountTree tree(List<Association> rows) {
        try {
            return AccountTree.of(rows);
        } catch (FerryException noTree) {
            throw wrong("has associations that can't be read: " + noTree.getMessage(), noTree);
        }
    }

    /** An amount of use: 0 or more. Longer numbers than any use are refused, since computing with them has no end. */
    Extended use(String text, String of) {
        try {
            BigDecimal number = new BigDecimal(text);
            if (number.signum() >= 0 && Math.abs(number.scale()) <= LONGEST_USE && number.precision() <= 2 * LONGEST_USE) {
                return Extended.of(number);
            }
        } catch (NumberFormatException unreadable) {
            throw wrong("has use '" + text + "' of " + of + ", which is not a number", unreadable);
        }
        throw wrong("has use '" + text + "' of " + of + "; it must be 0 or more, and below 10^" + LONGEST_USE);
    }

    /** PriorityFlags. */
    Set<String> flags() {
        return Arrays.stream(config("PriorityFlags", "").split(",")).map(flag -> flag.trim().toUpperCase(Locale.ROOT)).filter(flag -> !flag.isEmpty()).collect(Collectors.toSet());
    }

    /** How usage decayed: PriorityDecayHalfLife, a week by default. */
    Decay decay() {
        JsonNode said = root.path("half_life_s");
        long seconds = said.isNumber() ? said.asLong() : has("half_life_s") ? whole(root, "half_life_s", "the case") : span(config("PriorityDecayHalfLife", "7-00:00:00"), "PriorityDecayHalfLife");
        if (seconds < 0) {
            throw wrong("has half_life_s " + seconds + "; it must be 0 (no decay) or more");
        }
        return Decay.ofHalfLife(seconds);
    }

    /** PriorityMaxAge in seconds, a week by default. */
    long maxAge() {
        String text = config("PriorityMaxAge", "");
        return text.isEmpty() ? WEEK : span(text, "PriorityMaxAge");
    }

    /**
     * @param asked what the command line says; null for what the case says, else Slurm's way
     */
    FairsharePolicy fairshare(@Nullable Ties asked) {
        Set<String> flags = flags();
        FairshareMethod method = flags.contains("DEPTH_OBLIVIOUS") ? FairshareMethod.DEPTH_OBLIVIOUS : flags.contains("NO_FAIR_TREE") ? FairshareMethod.CLASSIC : FairshareMethod.FAIR_TREE;
        long damping = whole(config("FairShareDampeningFactor", "1"), "FairShareDampeningFactor");
        if (damping < 1 || damping > HIGHEST_DAMPING) {
            throw wrong("has FairShareDampeningFactor " + damping + "; it must be 1 to " + HIGHEST_DAMPING);
        }
        return new FairsharePolicy(method, (int) damping, asked != null ? asked : ties());
    }

    private Ties ties() {
        String text = root.path("fairshare.ties").asText(root.path("fairshare").path("ties").asText(config("fairshare.ties", "slurm")));
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "slurm" -> Ties.SLURM;
            case "documented" -> Ties.DOCUMENTED;
            default -> throw wrong("has fairshare.ties '" + text + "'; there are slurm and documented");
        };
    }

    /** The Slurm that it was recorded from, as year * 100 + month: 2205; 0 if it doesn't say. */
    int version() {
        Matcher matcher = Pattern.compile("(\\d\\d)\\.(\\d\\d).*").matcher(root.path("slurm_version").asText(""));
        return matcher.matches() ? Integer.parseInt(matcher.group(1)) * 100 + Integer.parseInt(matcher.group(2)) : 0;
    }
}
