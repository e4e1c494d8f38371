package dev.ferry.scheduling.tres;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.ObjLongConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Amounts of trackable resources, by Slurm's names: cpu, mem (MiB), node, billing, gres/gpu, gres/gpu:h100 ... What is not named is 0. Slurm writes them in the order cpu, mem, energy, node, billing, then
 * the others.
 */
public final class Tres {
    public static final String CPU = "cpu";
    public static final String MEMORY = "mem";
    public static final String NODE = "node";
    public static final String BILLING = "billing";
    public static final String GPU = "gres/gpu";

    public static final Tres NOTHING = new Tres(new TreeMap<>());

    /** Slurm's order. */
    public static final Comparator<String> ORDER;

    private static final List<String> FIRST = List.of(CPU, MEMORY, "energy", NODE, BILLING, "fs/disk", "vmem", "pages");
    private static final Set<String> OF_JOBS = Set.of(CPU, MEMORY, NODE, GPU);
    private static final String GPU_MODEL = GPU + ":";
    private static final Pattern AMOUNT = Pattern.compile("([a-z][a-z0-9_/:.-]*)=(\\d+(?:\\.\\d+)?)([KMGTP]?)", Pattern.CASE_INSENSITIVE);
    private static final String UNITS = "KMGTP";
    private static final int MEBI = 2;

    static {
        Comparator<String> known = Comparator.comparingInt(name -> FIRST.contains(name) ? FIRST.indexOf(name) : FIRST.size());
        ORDER = known.thenComparing(Comparator.naturalOrder());
    }

    private final SortedMap<String, Long> amounts;

    private Tres(SortedMap<String, Long> amounts) {
        this.amounts = amounts;
    }

    /**
     * @param amounts by name; 0 or more
     */
    public static Tres of(Map<String, Long> amounts) {
        SortedMap<String, Long> sorted = new TreeMap<>(ORDER);
        amounts.forEach(
                (name, amount) -> {
                    if (amount < 0) {
                        throw new FerryException(ErrorCode.INVALID_ARGUMENT, "'" + name + "=" + amount + "': a resource can't be below zero");
                    }
                    sorted.put(name.toLowerCase(Locale.ROOT), amount);
                });
        return new Tres(sorted);
    }

    /**
     * Reads for example {@code cpu=4,mem=3000M,gres/gpu=2}.
     *
     * @throws FerryException INVALID_ARGUMENT, naming the part that can't be read
     */
    public static Tres parse(String text) {
        SortedMap<String, Long> amounts = new TreeMap<>(ORDER);
        for (String part : text.split(",")) {
            if (part.isBlank()) {
                continue;
            }
            Matcher matcher = AMOUNT.matcher(part.trim());
            if (!matcher.matches()) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "'" + part.trim() + "' in '" + text + "' is not an amount of a resource; write for example cpu=4,mem=3000M,gres/gpu=2");
            }
            String name = matcher.group(1).toLowerCase(Locale.ROOT);
            amounts.put(name, (long) (Double.parseDouble(matcher.group(2)) * scale(name, matcher.group(3))));
        }
        return new Tres(amounts);
    }

    /** Whether jobs hold such a resource, so that a limit of it means something: cpu, mem, node, gres/gpu and gres/gpu:MODEL. */
    public static boolean isOfJobs(String name) {
        return OF_JOBS.contains(name) || name.startsWith(GPU_MODEL) && name.length() > GPU_MODEL.length();
    }

    /** What a unit means for a resource: memory is counted in MiB, all else in ones. */
    static double scale(String name, String unit) {
        int power = unit.isEmpty() ? 0 : UNITS.indexOf(unit.toUpperCase(Locale.ROOT)) + 1;
        return unit.isEmpty() ? 1 : Math.pow(1024, name.equals(MEMORY) ? power - MEBI : power);
    }

    public long get(String name) {
        return amounts.getOrDefault(name, 0L);
    }

    public boolean has(String name) {
        return amounts.containsKey(name);
    }

    /** The same with one amount set. */
    public Tres with(String name, long amount) {
        SortedMap<String, Long> changed = new TreeMap<>(amounts);
        changed.put(name, amount);
        return new Tres(changed);
    }

    /** In Slurm's order. */
    public void forEach(ObjLongConsumer<String> each) {
        amounts.forEach(each::accept);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Tres tres && amounts.equals(tres.amounts);
    }

    @Override
    public int hashCode() {
        return amounts.hashCode();
    }

    /** As Slurm writes it: {@code cpu=4,mem=3000M,node=1,billing=4}. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        amounts.forEach((name, amount) -> text.append(text.isEmpty() ? "" : ",").append(name).append('=').append(amount).append(name.equals(MEMORY) ? "M" : ""));
        return text.toString();
    }
}
