package dev.ferry.cli.verbs;

import com.google.protobuf.ByteString;
import dev.ferry.cli.Client;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.DurableFile;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.ImagePiece;
import dev.ferry.storage.image.CriuFolder;
import dev.ferry.storage.image.ImageFile;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What takes an image out of a cluster as a file; {@link ImageImportVerb} brings it into another one. */
final class ImageFileVerbs {
    /** A large image takes its time. */
    private static final Duration PATIENCE = Duration.ofHours(12);

    private static final int BUFFER = 1 << 20;
    private static final String STANDARD = "-";

    private ImageFileVerbs() {}

    /** {@code ferry image export}. */
    @Command(
            name = "export",
            description = {
                "Writes an image to a file that holds all of it, for another cluster or for keeping; every byte is checked on its way.",
                "The file holds the job's memory and is not encrypted: only you can read it."
            },
            footer = {
                "", "Examples:", "  ferry image export j-abcdefgh.3 --to train.ferry", "  ferry image export j-abcdefgh.3 --to - | ssh other ferry image import -", "  ferry image export j-abcdefgh.3 --to train.criu --criu && crit x train.criu ps"
            })
    static final class Export implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "IMAGE", description = "Id of an image, as 'ferry images' lists it.")
        private String image = "";

        @Option(names = "--to", paramLabel = "FILE", required = true, description = "A new file; '-': standard output.")
        private String to = "";

        @Option(names = "--criu", description = "Not one file, but a folder with CRIU's own files, for crit and the like. The job's folders are not in it, and it can't be imported: it is the dump of a container.")
        private boolean criu;

        @Override
        public Integer call() throws IOException {
            boolean standard = to.equals(STANDARD);
            if (standard && criu) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--criu writes a folder: give its name with --to");
            }
            Path path = Path.of(to).toAbsolutePath().normalize();
            if (!standard && Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "There is " + path + " already; give another name");
            }
            try (Client client = server.connect()) {
                if (standard) {
                    System.err.print(said(toStandardOutput(client), "standard output"));
                } else if (criu) {
                    Image written = pieces(client, from -> {
                        ImageFile read = open(from);
                        CriuFolder.write(read, path);
                        return read.manifest().getImage();
                    });
                    server.print(written, () -> "CRIU's files of " + said(written, path.toString()));
                } else {
                    Image[] written = {Image.getDefaultInstance()};
                    DurableFile.writePrivate(path, file -> {
                        OutputStream buffered = new BufferedOutputStream(file, BUFFER);
                        written[0] = copy(client, buffered);
                        buffered.flush();
                    });
                    server.print(written[0], () -> said(written[0], path + ", " + Texts.bytes(path.toFile().length())));
                }
            }
            return 0;
        }

        /** Not by System.out: that keeps to itself what it could not write. */
        private Image toStandardOutput(Client client) throws IOException {
            OutputStream out = new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), BUFFER);
            Image written = copy(client, out);
            out.flush();
            return written;
        }

        private static String said(Image image, String where) {
            return image.getId() + " in " + where + ", checked\n";
        }

        private ImageFile open(InputStream from) throws IOException {
            return ImageFile.open(from, "of image " + image, Long.MAX_VALUE);
        }

        /** Everything that is read is checked and written. */
        private Image copy(Client client, OutputStream file) throws IOException {
            return pieces(client, from -> {
                ImageFile read = open(new Copied(from, file));
                read.eachChunk(chunk -> {});
                return read.manifest().getImage();
            });
        }

        private <T> T pieces(Client client, Client.Work<InputStream, T> work) throws IOException {
            return client.read(PATIENCE, stub -> stub.exportImage(GetImageRequest.newBuilder().setImage(image).build()), (Iterator<ImagePiece> pieces) -> work.on(new Pieces(pieces)));
        }
    }

    /** The pieces of a stream of answers, one behind the other. */
    private static final class Pieces extends InputStream {
        private final Iterator<ImagePiece> pieces;
        private ByteString piece = ByteString.EMPTY;
        private int at;

        Pieces(Iterator<ImagePiece> pieces) {
            this.pieces = pieces;
        }

        @Override
        public int read() {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int offset, int length) {
            while (at == piece.size()) {
                if (!pieces.hasNext()) {
                    return -1;
                }
                piece = pieces.next().getContent();
                at = 0;
            }
            int some = Math.min(length, piece.size() - at);
            piece.copyTo(into, at, offset, some);
            at += some;
            return some;
        }
    }

    /** Writes whatever is read of another stream. */
    private static final class Copied extends InputStream {
        private final InputStream from;
        private final OutputStream to;

        Copied(InputStream from, OutputStream to) {
            this.from = from;
            this.to = to;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            int some = from.read(into, offset, length);
            if (some > 0) {
                to.write(into, offset, some);
            }
            return some;
        }
    }
}
