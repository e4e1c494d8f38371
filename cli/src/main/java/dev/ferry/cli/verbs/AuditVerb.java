package dev.ferry.cli.verbs;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import com.google.protobuf.util.Timestamps;
import dev.ferry.cli.Client;
import dev.ferry.cli.output.Failure;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.Durations;
import dev.ferry.proto.v1.AuditEntry;
import dev.ferry.proto.v1.ReadAuditRequest;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code ferry admin audit}. */
@Command(
        name = "audit",
        description = "Shows which calls changed something: when, by whom, from where, of what, and with what outcome. With -o json a line for each.",
        footer = {"", "Examples:", "  ferry admin audit --since 24h", "  ferry admin audit --user ada --target j-abcdefgh"})
public final class AuditVerb implements Callable<Integer> {
    private static final JsonFormat.Printer PRINTER = JsonFormat.printer().omittingInsignificantWhitespace();

    @Mixin private final ServerOption server = new ServerOption();

    @Option(names = "--since", paramLabel = "TIME", description = "Only of the last 30m, 24h or 7d; else all that is kept.", defaultValue = "")
    private String since = "";

    @Option(names = "--user", description = "Only calls of this user, token or machine.", defaultValue = "")
    private String user = "";

    @Option(names = "--target", paramLabel = "ID", description = "Only calls about this job, image, token or node, and what is called by it: j-abcdefgh, and so its images.", defaultValue = "")
    private String target = "";

    @Override
    public Integer call() {
        long from = since.isEmpty() ? 0 : System.currentTimeMillis() - Durations.parse(since).toMillis();
        boolean[] headed = {server.json()};
        try (Client client = server.connect()) {
            client.eachEntry(
                    stub -> stub.readAudit(ReadAuditRequest.newBuilder().setSince(from).build()),
                    (AuditEntry entry) -> {
                        head(headed);
                        if (isAsked(entry)) {
                            say(server.json() ? line(entry) : row(entry));
                        }
                    });
        }
        head(headed);
        return 0;
    }

    /** Once, when there was an answer: an error stands alone. */
    private static void head(boolean[] headed) {
        if (!headed[0]) {
            headed[0] = true;
            say(row("AT", "CALLER", "ROLE", "USER", "FROM", "VERB", "TARGET", "OUTCOME", "MESSAGE"));
        }
    }

    private static void say(String line) {
        System.out.println(line);
        // Also flushes. The log of months would be read on for a reader that has gone.
        if (System.out.checkError()) {
            throw Failure.outputClosed();
        }
    }

    private boolean isAsked(AuditEntry entry) {
        boolean by = user.isEmpty() || entry.getOwner().getUser().equals(user) || entry.getCaller().equals(user);
        return by && (target.isEmpty() || entry.getTarget().equals(target) || entry.getTarget().startsWith(target + "."));
    }

    private static String row(AuditEntry entry) {
        return row(
                Timestamps.toString(entry.getAt()), entry.getCaller(), entry.getRole().name().replace("ROLE_", "").toLowerCase(Locale.ROOT), entry.getOwner().getUser(),
                entry.getFrom(), entry.getVerb(), entry.getTarget(), entry.getOutcome(), entry.getMessage());
    }

    /** Of widths that are known beforehand: a log of months does not fit into this process. */
    private static String row(String... cells) {
        return String.format(Locale.ROOT, "%-30s  %-12s  %-8s  %-12s  %-21s  %-18s  %-18s  %-16s  %s", Stream.of(cells).map(cell -> cell.isEmpty() ? "-" : Texts.plain(cell)).toArray()).stripTrailing();
    }

    private static String line(AuditEntry entry) {
        try {
            return PRINTER.print(entry);
        } catch (InvalidProtocolBufferException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
