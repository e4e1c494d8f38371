package dev.ferry.cli.verbs;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import com.google.protobuf.util.Timestamps;
import dev.ferry.cli.Client;
import dev.ferry.cli.output.Table;
import dev.ferry.common.Durations;
import dev.ferry.proto.v1.AuditEntry;
import dev.ferry.proto.v1.ReadAuditRequest;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code ferry admin audit}. */
@Command(
        name = "audit",
        description = "Shows which calls changed something: when, by whom, from where, of what, and with what outcome. With -o json a line for each.",
        footer = {"", "Example:", "  ferry admin audit --since 24h"})
public final class AuditVerb implements Callable<Integer> {
    private static final JsonFormat.Printer PRINTER = JsonFormat.printer().omittingInsignificantWhitespace();

    @Mixin private final ServerOption server = new ServerOption();

    @Option(names = "--since", paramLabel = "TIME", description = "Only of the last 30m, 24h or 7d; else all that is kept.", defaultValue = "")
    private String since = "";

    @Override
    public Integer call() {
        long from = since.isEmpty() ? 0 : System.currentTimeMillis() - Durations.parse(since).toMillis();
        Table table = new Table("AT", "CALLER", "ROLE", "USER", "FROM", "VERB", "TARGET", "OUTCOME", "MESSAGE");
        try (Client client = server.connect()) {
            client.eachEntry(
                    stub -> stub.readAudit(ReadAuditRequest.newBuilder().setSince(from).build()),
                    (AuditEntry entry) -> {
                        if (server.json()) {
                            System.out.println(line(entry));
                        } else {
                            table.row(
                                    Timestamps.toString(entry.getAt()), entry.getCaller(), entry.getRole().name().replace("ROLE_", "").toLowerCase(Locale.ROOT), entry.getOwner().getUser(),
                                    entry.getFrom(), entry.getVerb(), entry.getTarget(), entry.getOutcome(), entry.getMessage());
                        }
                    });
        }
        if (!server.json()) {
            System.out.print(table);
        }
        return 0;
    }

    private static String line(AuditEntry entry) {
        try {
            return PRINTER.print(entry);
        } catch (InvalidProtocolBufferException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
