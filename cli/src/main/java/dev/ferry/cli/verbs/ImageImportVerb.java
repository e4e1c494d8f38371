package dev.ferry.cli.verbs;

import com.google.protobuf.ByteString;
import dev.ferry.cli.Client;
import dev.ferry.cli.Upload;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ImportImageRequest;
import dev.ferry.proto.v1.ImportImageResponse;
import dev.ferry.proto.v1.ImportTerms;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code ferry image import}. */
@Command(
        name = "import",
        description = {
            "Takes an image from a file that 'ferry image export' wrote, here or in another cluster: a new job has it, suspended.",
            "'ferry resume' lets it run. Nodes need what 'ferry image show' lists: mounts, processor, CRIU.",
            "With --criu from a folder that 'criu dump' wrote of processes outside of any container: docs/image-format.md says which can come.",
            "Only for operators: an image says what a node's CRIU, which is root there, does. Take only files that you trust."
        },
        footer = {"", "Examples:", "  ferry image import train.ferry --name train-2", "  ferry resume train-2", "  ferry image import /var/dumps/train --criu --workdir /home/me/train --memory 4GiB"})
final class ImageImportVerb implements Callable<Integer> {
    /** A large image takes its time. */
    private static final Duration PATIENCE = Duration.ofHours(12);

    private static final int PIECE = 1 << 18;
    private static final String STANDARD = "-";

    @Mixin private final ServerOption server = new ServerOption();

    @Parameters(paramLabel = "FILE", description = "A file of 'ferry image export'; '-': standard input; with --criu a folder.")
    private String file = "";

    @Option(names = "--name", description = "Name of the new job; else as the job was called.", defaultValue = "")
    private String name = "";

    @Option(names = "--as-user", paramLabel = "NAME", description = "User whose job it is; else yours.", defaultValue = "")
    private String userName = "";

    @Option(names = "--account", paramLabel = "ACCOUNT", description = "Account that the job is billed to; else the user's default.", defaultValue = "")
    private String account = "";

    @Option(names = "--qos", paramLabel = "QOS", description = "Quality of service; else that of the account.", defaultValue = "")
    private String qos = "";

    @Option(names = "--partition", paramLabel = "PARTITION", description = "Only on nodes of this partition.", defaultValue = "")
    private String partition = "";

    @Mixin private final CriuFolderOptions criu = new CriuFolderOptions();

    @Override
    public Integer call() throws IOException {
        criu.check(file);
        try (Client client = server.connect()) {
            ImportImageResponse answer;
            if (criu.isAsked()) {
                answer = criu.read(Path.of(file), image -> send(client, image::to));
            } else {
                try (InputStream from = open()) {
                    answer = send(client, to -> {
                        long unused = from.transferTo(to);
                    });
                }
            }
            server.print(answer, () -> "job " + answer.getJob().getId() + " (" + answer.getJob().getSpec().getName() + ") is suspended in image " + answer.getImage().getId() + ", " + Texts.bytes(answer.getImage().getBytes()) + "; 'ferry resume " + answer.getJob().getId() + "' lets it run\n");
            return 0;
        }
    }

    /** What is sent. */
    private interface Content {
        void to(OutputStream pieces) throws IOException;
    }

    private ImportImageResponse send(Client client, Content content) throws IOException {
        ImportTerms terms = ImportTerms.newBuilder().setName(name).setUserName(userName).setAccount(account).setQos(qos).setPartition(partition).build();
        return client.send(
                PATIENCE,
                stub -> stub.importImage(),
                (Upload.Sink<ImportImageRequest> sink) -> {
                    boolean open = sink.send(ImportImageRequest.newBuilder().setTerms(terms).build());
                    try (OutputStream pieces = new BufferedOutputStream(new Sent(sink), PIECE)) {
                        if (open) {
                            content.to(pieces);
                        }
                    } catch (Refused unwanted) {
                        // The answer says why nothing more is taken.
                        return;
                    }
                });
    }

    private InputStream open() throws IOException {
        if (file.equals(STANDARD)) {
            return System.in;
        }
        if (!Files.isReadable(Path.of(file))) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Image file " + file + " can't be read");
        }
        return Files.newInputStream(Path.of(file));
    }

    /** Nobody takes more. */
    private static final class Refused extends IOException {
        private static final long serialVersionUID = 1;
    }

    /** Sends what is written as pieces of an image's file. */
    private static final class Sent extends OutputStream {
        private final Upload.Sink<ImportImageRequest> sink;

        Sent(Upload.Sink<ImportImageRequest> sink) {
            this.sink = sink;
        }

        @Override
        public void write(int one) throws IOException {
            write(new byte[] {(byte) one}, 0, 1);
        }

        @Override
        public void write(byte[] from, int offset, int length) throws IOException {
            for (int at = 0; at < length; at += PIECE) {
                if (!sink.send(ImportImageRequest.newBuilder().setContent(ByteString.copyFrom(from, offset + at, Math.min(PIECE, length - at))).build())) {
                    throw new Refused();
                }
            }
        }
    }
}
