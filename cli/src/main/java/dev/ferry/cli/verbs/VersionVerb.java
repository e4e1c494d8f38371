package dev.ferry.cli.verbs;

import com.google.protobuf.Struct;
import dev.ferry.cli.Client;
import dev.ferry.cli.Main;
import dev.ferry.cli.output.Failure;
import dev.ferry.cli.output.Json;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetServerRequest;
import dev.ferry.proto.v1.Server;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code ferry version}. */
@Command(
        name = "version",
        description = {"Tells the version of this command and of the coordinator.", "That no coordinator answers is no error; that it refuses the call is one."},
        footer = {"", "Example:", "  ferry version"})
public final class VersionVerb implements Callable<Integer> {
    @Mixin private final ServerOption server = new ServerOption();

    @Override
    public Integer call() {
        String own = Optional.ofNullable(VersionVerb.class.getPackage().getImplementationVersion()).orElse("development");
        if (!server.json()) {
            System.out.println("ferry " + own);
        }
        Struct.Builder versions = Struct.newBuilder().putFields("client", Json.text(own));
        try (Client client = server.connect()) {
            Server answer = client.ask(stub -> stub.getServer(GetServerRequest.getDefaultInstance()));
            server.print(versions.putFields("server", Json.document(answer)), () -> "coordinator " + answer.getVersion() + " at " + client.server() + ", images in " + answer.getStore() + "\n");
            return 0;
        } catch (FerryException failed) {
            if (server.json()) {
                server.print(versions.putFields("error", Json.document(failed.detail())), () -> "");
            } else {
                System.err.print(Failure.text(failed.detail()));
            }
            return failed.code() == ErrorCode.COORDINATOR_UNREACHABLE ? 0 : Main.statusOf(failed);
        }
    }
}
