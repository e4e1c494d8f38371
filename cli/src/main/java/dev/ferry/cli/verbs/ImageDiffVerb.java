package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.proto.v1.DiffImagesRequest;
import dev.ferry.proto.v1.ImageDiff;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code ferry image diff}. */
@Command(name = "diff", description = "Shows what changed from one image to another: memory and CRIU's files by their chunks, the job's files by name.", footer = {"", "Example:", "  ferry image diff j-abcdefgh.3 j-abcdefgh.4"})
public final class ImageDiffVerb implements Callable<Integer> {
    @Mixin private final ServerOption server = new ServerOption();

    @Parameters(index = "0", paramLabel = "FIRST", description = "Id of an image.")
    private String first = "";

    @Parameters(index = "1", paramLabel = "SECOND", description = "Id of the other one.")
    private String second = "";

    @Override
    public Integer call() {
        try (Client client = server.connect()) {
            ImageDiff answer = client.ask(stub -> stub.diffImages(DiffImagesRequest.newBuilder().setFirst(first).setSecond(second).build()));
            server.print(answer, () -> ImageTexts.diff(answer));
            return 0;
        }
    }
}
