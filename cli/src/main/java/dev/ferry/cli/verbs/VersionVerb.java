package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.GetServerRequest;
import dev.ferry.proto.v1.Server;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code ferry version}. */
@Command(name = "version", description = "Tells the version of this command and of the coordinator.", footer = {"", "Example:", "  ferry version"})
public final class VersionVerb implements Callable<Integer> {
    @Mixin private final ServerOption server = new ServerOption();

    @Override
    public Integer call() {
        String own = Optional.ofNullable(VersionVerb.class.getPackage().getImplementationVersion()).orElse("development");
        if (!server.json()) {
            System.out.println("ferry " + own);
        }
        try (Client client = server.connect()) {
            Server answer = client.ask(stub -> stub.getServer(GetServerRequest.getDefaultInstance()));
            server.print(answer, () -> "coordinator " + answer.getVersion() + " at " + client.server() + ", images in " + answer.getStore() + "\n");
        } catch (FerryException none) {
            server.print(Server.newBuilder().setVersion(own), () -> "no coordinator answers\n");
        }
        return 0;
    }
}
