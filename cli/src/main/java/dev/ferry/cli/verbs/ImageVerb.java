package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.Main;
import dev.ferry.cli.output.Failure;
import dev.ferry.cli.output.Table;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.DeleteImageResponse;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.GpuFile;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.ImageDetails;
import dev.ferry.proto.v1.ImagePart;
import dev.ferry.proto.v1.ListImagesRequest;
import dev.ferry.proto.v1.ListImagesResponse;
import dev.ferry.proto.v1.Mount;
import dev.ferry.proto.v1.Requirements;
import dev.ferry.proto.v1.VerifyImageResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code ferry image}. */
@Command(
        name = "image",
        description = "Shows, checks, compares, deletes images, and moves them as files.",
        subcommands = {ImageVerb.Show.class, ImageVerb.Verify.class, ImageDiffVerb.class, ImageFileVerbs.Export.class, ImageImportVerb.class, ImageVerb.Delete.class},
        footer = {"", "Example:", "  ferry image verify j-abcdefgh.3"})
public final class ImageVerb implements Runnable {
    /** A large image takes its time, and so does the collection of what a deleted one leaves. */
    private static final Duration PATIENCE = Duration.ofHours(12);

    @Spec private CommandSpec spec;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what to do with the image: show, verify, diff, export, import or delete");
    }

    /** {@code ferry images}. */
    @Command(name = "images", description = "Lists images.", footer = {"", "Example:", "  ferry images train"})
    public static final class Listing implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "JOB", arity = "0..1", description = "Only of this job.", defaultValue = "")
        private String job = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                ListImagesResponse answer = client.ask(stub -> stub.listImages(ListImagesRequest.newBuilder().setJob(job).build()));
                server.print(answer, () -> table(answer));
                return 0;
            }
        }

        private static String table(ListImagesResponse images) {
            Table table = new Table("IMAGE", "LIFE", "NODE", "AGE", "SIZE", "MEMORY", "SENT", "FROZEN");
            for (Image image : images.getImagesList()) {
                table.row(
                        image.getId(), Long.toString(image.getIncarnation()), image.getNode(), Texts.ago(image.getCreatedAt()), Texts.bytes(image.getBytes()),
                        Texts.bytes(image.getMemoryBytes()), Texts.bytes(image.getSentBytes()), Texts.micros(image.getFreezeMicros()));
            }
            return table.toString();
        }
    }

    /** {@code ferry image show}. */
    @Command(name = "show", description = "Shows what is in an image and what it needs.", footer = {"", "Example:", "  ferry image show j-abcdefgh.3"})
    public static final class Show implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "IMAGE", description = "Id of an image, as 'ferry images' lists it.")
        private String image = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                ImageDetails answer = client.ask(stub -> stub.getImage(GetImageRequest.newBuilder().setImage(image).build()));
                server.print(answer, () -> text(answer));
                return 0;
            }
        }

        private static String text(ImageDetails details) {
            Image image = details.getImage();
            StringBuilder text = new StringBuilder();
            text.append("image   ").append(image.getId()).append(", life ").append(image.getIncarnation()).append(", made ").append(Texts.at(image.getCreatedAt())).append(image.getPlainDump() ? " by hand, with criu dump" : " on " + image.getNode() + " by " + image.getOperation()).append('\n');
            text.append("size    ").append(Texts.bytes(image.getBytes())).append(" (").append(Texts.bytes(image.getMemoryBytes())).append(" of memory, ").append(Texts.bytes(image.getZeroBytes())).append(" of zeros), ").append(Texts.bytes(image.getSentBytes())).append(" sent\n");
            text.append("chunks  ").append(image.getChunks()).append(", of which the store had ").append(image.getKnownChunks()).append('\n');
            text.append("log     ").append(Texts.bytes(image.getLogBytes())).append(" at the freeze\n");
            text.append("needs   ").append(needs(image)).append('\n');
            for (Mount mount : image.getRequirements().getMountsList()) {
                text.append("        mount ").append(mount.getSource()).append(" (not in the image)\n");
            }
            for (GpuFile file : image.getRequirements().getGpuFiles().getFilesList()) {
                text.append("        a place for ").append(file.getDestination()).append(", which comes with its GPUs\n");
            }
            Table table = new Table("PART", "SIZE", "CHUNKS");
            for (ImagePart part : details.getPartsList()) {
                table.row(part.getName(), Texts.bytes(part.getBytes()), Long.toString(part.getChunks()));
            }
            return text.append(table).append(ImageTexts.content(details.getContent(), image)).toString();
        }
    }

    /** What a node must have beside mounts and GPU files. */
    private static String needs(Image image) {
        Requirements needs = image.getRequirements();
        return needs.getArchitecture()
                + (image.getPlainDump() ? "; of which kernel, CRIU and processor it is, the dump does not say" : ", kernel " + needs.getKernel() + ", CRIU " + needs.getCriuVersion() + ", " + needs.getCpuFeaturesCount() + " CPU features, " + needs.getGpus() + " GPUs");
    }

    /** {@code ferry image verify}. */
    @Command(
            name = "verify",
            description = {
                "Reads every chunk of an image, or of all, and checks it.",
                "With --all, one that is damaged or can't be read keeps no other from being checked; the exit status is that of the first."
            },
            footer = {"", "Example:", "  ferry image verify j-abcdefgh.3", "  ferry image verify --all"})
    public static final class Verify implements Callable<Integer> {
        /** Every other image would be answered the same. */
        private static final Set<ErrorCode> STANDS_IN_THE_WAY =
                Set.of(ErrorCode.COORDINATOR_UNREACHABLE, ErrorCode.NOT_LEADER, ErrorCode.DATABASE_UNREACHABLE, ErrorCode.STORE_UNREACHABLE, ErrorCode.STORE_REFUSED, ErrorCode.CANCELLED);

        private static final Set<ErrorCode> DAMAGE = Set.of(ErrorCode.IMAGE_NOT_FOUND, ErrorCode.MANIFEST_CORRUPT, ErrorCode.CHUNK_CORRUPT, ErrorCode.CHUNK_MISSING);

        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "IMAGE", arity = "0..1", description = "Id of an image.", defaultValue = "")
        private String image = "";

        @Option(names = "--all", description = "Every image that there is.")
        private boolean all;

        @Override
        public Integer call() {
            if (all != image.isEmpty()) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Give either an image or --all");
            }
            try (Client client = server.connect()) {
                return all ? verifyAll(client) : status(verify(client, image));
            }
        }

        private VerifyImageResponse verify(Client client, String id) {
            VerifyImageResponse answer = client.ask(PATIENCE, stub -> stub.verifyImage(GetImageRequest.newBuilder().setImage(id).build()));
            server.print(answer, () -> text(answer));
            return answer;
        }

        private static int status(VerifyImageResponse found) {
            return found.getDamageCount() == 0 ? 0 : Main.statusOf(new FerryException(ErrorCode.CHUNK_CORRUPT, "damage"));
        }

        /**
         * What is wrong with one image keeps none of the others from being checked.
         *
         * @return exit status of the first that is not whole; 0: all are
         * @throws FerryException what stands in the way of all of them
         */
        private int verifyAll(Client client) {
            int status = 0;
            for (Image one : client.ask(stub -> stub.listImages(ListImagesRequest.getDefaultInstance())).getImagesList()) {
                int its;
                try {
                    its = status(verify(client, one.getId()));
                } catch (FerryException failed) {
                    its = judge(client, one, failed);
                }
                status = status == 0 ? its : status;
            }
            return status;
        }

        private int judge(Client client, Image image, FerryException failed) {
            if (STANDS_IN_THE_WAY.contains(failed.code())) {
                throw failed;
            }
            if (failed.code() == ErrorCode.IMAGE_NOT_FOUND && !isListed(client, image)) {
                System.err.println("ferry: image " + image.getId() + " was deleted meanwhile");
                return 0;
            }
            // Others need another Ferry, more memory or another token: whether there is damage is not known.
            return DAMAGE.contains(failed.code()) ? damaged(image, failed) : Failure.print(failed, false);
        }

        /** The store says of an image that it has lost what the coordinator says of one that is not in its catalogue any more. */
        private static boolean isListed(Client client, Image image) {
            return client.ask(stub -> stub.listImages(ListImagesRequest.getDefaultInstance())).getImagesList().stream().anyMatch(one -> one.getId().equals(image.getId()));
        }

        private int damaged(Image image, FerryException why) {
            VerifyImageResponse found = VerifyImageResponse.newBuilder().setImage(image).addDamage(why.getMessage()).build();
            server.print(found, () -> text(found));
            return status(found);
        }

        private static String text(VerifyImageResponse found) {
            if (found.getDamageCount() == 0) {
                return found.getImage().getId() + " is whole: " + found.getChunks() + " chunks, " + Texts.bytes(found.getBytes()) + " read and checked\n";
            }
            return found.getImage().getId() + " is DAMAGED:\n  " + String.join("\n  ", found.getDamageList()) + "\n";
        }
    }

    /** {@code ferry image delete}. */
    @Command(name = "delete", description = "Deletes images.", footer = {"", "Example:", "  ferry image delete j-abcdefgh.3"})
    public static final class Delete implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "IMAGE", arity = "1..*", description = "Ids of images.")
        private List<String> images = new ArrayList<>();

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                return OneByOne.each(images, image -> delete(client, image));
            }
        }

        private void delete(Client client, String image) {
            DeleteImageResponse answer = client.ask(PATIENCE, stub -> stub.deleteImage(GetImageRequest.newBuilder().setImage(image).build()));
            server.print(
                    answer,
                    () ->
                            answer.getImage() + " deleted, " + Texts.bytes(answer.getFreedBytes()) + " freed"
                                    + (answer.getCondemnedBytes() == 0 ? "" : ", " + Texts.bytes(answer.getCondemnedBytes()) + " more when their grace is over") + "\n");
        }
    }
}
