package dev.ferry.cli.slurm;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.Accounting;
import dev.ferry.proto.v1.AccountingChange;
import dev.ferry.proto.v1.Association;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Limits;
import dev.ferry.proto.v1.Qos;
import dev.ferry.scheduling.tres.Tres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What {@code sacctmgr dump CLUSTER file=FILE} writes: lines such as {@code Parent - 'root'}, {@code Account - 'physics':Fairshare=30:GrpTRES=cpu=100} and {@code User - 'alice':DefaultAccount='physics'}.
 *
 * @see <a href="https://slurm.schedmd.com/sacctmgr.html">sacctmgr, flat file dump and load</a>
 */
public final class SlurmDump {
    private static final Pattern LINE = Pattern.compile("\\s*(Cluster|Parent|Account|User)\\s*-\\s*'?([^':\\s]+)'?\\s*((?::.*)?)", Pattern.CASE_INSENSITIVE);
    /** A colon that a key follows, outside of quotes: types of gres hold colons too, and begin with small letters. */
    private static final Pattern OPTION = Pattern.compile(":([A-Z][A-Za-z]*)=('[^']*'|(?:(?!:[A-Z][A-Za-z]*=).)*)");
    private static final long PARENT_NUMBER = Integer.MAX_VALUE;
    private static final int SECONDS_OF_A_MINUTE = 60;

    private final String file;
    private final List<AccountingChange> associations = new ArrayList<>();
    private final Set<String> qos = new LinkedHashSet<>();
    private final Set<String> missing = new LinkedHashSet<>();
    private final Map<String, Integer> passedOver = new TreeMap<>();
    private int accounts;
    private int users;

    private SlurmDump(String file, Accounting before) {
        this.file = file;
        before.getQosList().forEach(one -> qos.add(one.getName()));
    }

    /**
     * @param before what is there: QoS that the dump names and that are not are made, without priority and limits
     * @throws FerryException INVALID_ARGUMENT, with the line that can't be read
     */
    public static SlurmDump read(Path file, Accounting before) {
        try {
            return parse(Files.readAllLines(file), file.toString(), before);
        } catch (IOException unreadable) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Can't read " + file + ": " + unreadable.getMessage(), unreadable);
        }
    }

    static SlurmDump parse(List<String> lines, String file, Accounting before) {
        SlurmDump dump = new SlurmDump(file, before);
        String parent = "root";
        for (int at = 0; at < lines.size(); at++) {
            String line = lines.get(at).strip();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            Matcher matcher = LINE.matcher(line);
            if (!matcher.matches()) {
                throw dump.wrong(at, "'" + line + "' is not a line of what sacctmgr dump writes");
            }
            String name = matcher.group(2);
            Map<String, String> options = options(matcher.group(3));
            switch (matcher.group(1).toLowerCase(Locale.ROOT)) {
                case "parent" -> parent = name;
                case "account" -> {
                    dump.accounts++;
                    dump.add(Association.newBuilder().setAccount(name).setParent(parent), options, at);
                }
                case "user" -> {
                    dump.users++;
                    boolean byDefault = parent.equals(options.getOrDefault("defaultaccount", ""));
                    Association.Builder user = Association.newBuilder().setAccount(parent).setUser(name);
                    dump.add(byDefault ? user.setDefaultAccount(true) : user, options, at);
                }
                default -> options.keySet().forEach(key -> dump.passedOver.merge("Cluster " + key, 1, Integer::sum));
            }
        }
        return dump;
    }

    private static Map<String, String> options(String text) {
        Map<String, String> options = new LinkedHashMap<>();
        Matcher matcher = OPTION.matcher(text);
        while (matcher.find()) {
            options.put(matcher.group(1).toLowerCase(Locale.ROOT), matcher.group(2).replaceAll("^'|'$", ""));
        }
        return options;
    }

    private void add(Association.Builder association, Map<String, String> options, int line) {
        Limits.Builder limits = Limits.newBuilder();
        options.forEach(
                (key, value) -> {
                    switch (key) {
                        case "fairshare", "shares" -> association.setShares(shares(value, line));
                        case "priority" -> association.setPriority(number(value, line));
                        case "defaultqos" -> {
                            named(value);
                            association.setDefaultQos(value);
                        }
                        case "grptres" -> limits.setGrpTres(ofJobs(key, value));
                        case "grpjobs" -> limits.setGrpJobs((int) number(value, line));
                        case "maxjobs" -> limits.setMaxJobs((int) number(value, line));
                        case "maxtresperjob", "maxtres" -> limits.setMaxTresPerJob(ofJobs(key, value));
                        case "maxwalldurationperjob", "maxwall" -> limits.setMaxWallSeconds(number(value, line) * SECONDS_OF_A_MINUTE);
                        // The names of the QoS that may be used: here every QoS may.
                        case "qos" -> List.of(value.split(",")).forEach(one -> named(one.replaceFirst("^[+-]", "")));
                        case "defaultaccount", "description", "organization", "adminlevel", "coordinator" -> {}
                        default -> passedOver.merge(key, 1, Integer::sum);
                    }
                });
        boolean isRoot = association.getAccount().equals("root") && association.getUser().isEmpty();
        if (!isRoot) {
            associations.add(AccountingChange.newBuilder().setHow(AccountingChange.How.SET).setAssociation(association.setLimits(limits)).build());
        }
    }

    /** A limit without the resources that no job of Ferry holds, billing for example: they are passed over. */
    private String ofJobs(String key, String limit) {
        List<String> kept = new ArrayList<>();
        for (String part : limit.split(",")) {
            String name = part.replaceFirst("=.*", "").strip().toLowerCase(Locale.ROOT);
            if (name.isEmpty() || Tres.isOfJobs(name)) {
                kept.add(part);
            } else {
                passedOver.merge(key + " of " + name, 1, Integer::sum);
            }
        }
        return String.join(",", kept);
    }

    private void named(String name) {
        if (!name.isEmpty() && qos.add(name)) {
            missing.add(name);
        }
    }

    private int shares(String text, int line) {
        if (text.equalsIgnoreCase("parent")) {
            return dev.ferry.scheduling.accounts.Association.PARENT_SHARES;
        }
        long shares = number(text, line);
        return shares == PARENT_NUMBER ? dev.ferry.scheduling.accounts.Association.PARENT_SHARES : (int) shares;
    }

    private long number(String text, int line) {
        if (!text.matches("-?\\d{1,10}")) {
            throw wrong(line, "'" + text + "' is not a whole number");
        }
        return Long.parseLong(text);
    }

    private FerryException wrong(int line, String what) {
        return new FerryException(ErrorCode.INVALID_ARGUMENT, file + ", line " + (line + 1) + ": " + what);
    }

    /** What is to be done for it, QoS first. */
    public List<AccountingChange> changes() {
        List<AccountingChange> all = new ArrayList<>();
        missing.forEach(name -> all.add(AccountingChange.newBuilder().setHow(AccountingChange.How.ADD).setQos(Qos.newBuilder().setName(name)).build()));
        all.addAll(associations);
        return all;
    }

    /** For people: how much was read, and what was passed over. */
    public String summary() {
        StringBuilder text = new StringBuilder(accounts + " accounts and " + users + " users are taken over\n");
        if (!missing.isEmpty()) {
            text.append("made without priority and limits, since a dump has none: QoS ").append(String.join(", ", missing)).append('\n');
        }
        passedOver.forEach((key, count) -> text.append("passed over, as Ferry has none: ").append(key).append(" (").append(count).append(" times)\n"));
        return text.toString();
    }
}
