package dev.ferry.cli.verbs;

import com.google.protobuf.MessageOrBuilder;
import dev.ferry.cli.Access;
import dev.ferry.cli.Client;
import dev.ferry.cli.output.Json;
import dev.ferry.cli.output.Terminal;
import dev.ferry.cli.output.Texts;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What every verb that asks a coordinator takes. */
public final class ServerOption {
    /** For whom the output is. */
    public enum Output {
        table,
        wide,
        json
    }

    @Option(names = "--server", paramLabel = "HOST:PORT", description = "Address of the coordinator (of several: all, separated by commas); else FERRY_SERVER, else 127.0.0.1:7070.")
    private @Nullable String server;

    @Option(names = "--token-file", paramLabel = "FILE", description = "File with the token to show; else FERRY_TOKEN, else FERRY_TOKEN_FILE, else that of your own coordinator on this machine, else ~/.config/ferry/token.")
    private @Nullable Path tokenFile;

    @Option(names = "--ca-file", paramLabel = "FILE", description = "Certificate of the coordinator's authority; else FERRY_CA_FILE, else that of your own coordinator on this machine, else ~/.config/ferry/ca.pem, else no TLS.")
    private @Nullable Path caFile;

    @Option(names = "--insecure", description = "Show the token also to a coordinator on another machine that speaks without TLS.")
    private boolean insecure;

    private Output output = Output.table;

    @Option(names = {"-o", "--output"}, paramLabel = "FORMAT", description = "table (for people; on a terminal cut to its width), wide (not cut) or json.", defaultValue = "table")
    void setOutput(Output format) {
        output = format;
        Terminal.setWide(format == Output.wide);
    }

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    Client connect() {
        String environment = System.getenv("FERRY_SERVER");
        String address = server != null ? server : environment != null && !environment.isEmpty() ? environment : "127.0.0.1:7070";
        return new Client(address, access(address));
    }

    /** The coordinator that was named, else another default. */
    Client connectTo(String otherwise) {
        String address = server != null ? server : otherwise;
        return new Client(address, access(address));
    }

    private Access access(String address) {
        return Access.of(address, new Access.Options(tokenFile, caFile, insecure));
    }

    boolean json() {
        return output == Output.json;
    }

    /** Prints an answer in the form that was asked for. */
    void print(MessageOrBuilder message, Supplier<String> forPeople) {
        if (json()) {
            System.out.println(Json.print(message));
        } else {
            say(forPeople.get());
        }
    }

    /** Says something to people only. Names, reasons and commands in it are others' texts. */
    void say(String text) {
        if (!json()) {
            System.out.print(Texts.plainLines(text));
            System.out.flush();
        }
    }
}
