package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.Main;
import dev.ferry.cli.output.Table;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.CheckStoreRequest;
import dev.ferry.proto.v1.CollectGarbageRequest;
import dev.ferry.proto.v1.Collection;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetStoreRequest;
import dev.ferry.proto.v1.JobStats;
import dev.ferry.proto.v1.StoreCheck;
import dev.ferry.proto.v1.StoreFinding;
import dev.ferry.proto.v1.StoreStats;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code ferry store}. */
@Command(
        name = "store",
        description = "Shows, cleans or checks the object store, and changes its keys.",
        subcommands = {StoreVerb.Stats.class, StoreVerb.Gc.class, StoreVerb.Fsck.class, StoreKeysVerb.class},
        footer = {"", "Example:", "  ferry store stats"})
public final class StoreVerb implements Runnable {
    /** A large store takes its time. */
    private static final Duration PATIENCE = Duration.ofHours(12);

    @Spec private CommandSpec spec;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what to do with the store: stats, gc, fsck or keys");
    }

    /** {@code ferry store stats}. */
    @Command(name = "stats", description = "Shows what the store holds, and what of it is needed.", footer = {"", "Example:", "  ferry store stats"})
    public static final class Stats implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                StoreStats answer = client.ask(PATIENCE, stub -> stub.getStore(GetStoreRequest.getDefaultInstance()));
                server.print(answer, () -> text(answer));
                return 0;
            }
        }

        private static String text(StoreStats stats) {
            StringBuilder text = new StringBuilder();
            text.append("store    ").append(stats.getStore()).append('\n');
            text.append("objects  ").append(stats.getObjects()).append(", ").append(Texts.bytes(stats.getBytes())).append('\n');
            text.append("packs    ").append(stats.getPacks()).append(", ").append(Texts.bytes(stats.getPackBytes())).append(", of which images need ").append(Texts.bytes(stats.getNeededBytes())).append('\n');
            text.append("garbage  ").append(stats.getUnnamedPacks()).append(" packs, ").append(Texts.bytes(stats.getUnnamedBytes())).append("; ").append(stats.getCondemnedPacks()).append(" condemned\n");
            text.append("dumps    ").append(stats.getOpenDumps()).append(" under way, ").append(stats.getGivenUpDumps()).append(" given up\n");
            Table table = new Table("JOB", "IMAGES", "SIZE", "ZEROS", "SENT");
            for (JobStats job : stats.getJobsList()) {
                table.row(job.getJob(), Long.toString(job.getImages()), Texts.bytes(job.getImageBytes()), Texts.bytes(job.getZeroBytes()), Texts.bytes(job.getSentBytes()));
            }
            return text.append(table).toString();
        }
    }

    /** {@code ferry store gc}. */
    @Command(
            name = "gc",
            description = "Removes what no image and no dump under way needs. The coordinator does so by itself now and then; running jobs and dumps are not disturbed.",
            footer = {"", "Example:", "  ferry store gc --dry-run"})
    public static final class Gc implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Option(names = "--dry-run", description = "Only say what would be removed.")
        private boolean dryRun;

        @Option(names = "--now", description = "Don't wait for the grace of condemned packs. Not for a folder on a network file system.")
        private boolean now;

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                CollectGarbageRequest request = CollectGarbageRequest.newBuilder().setDryRun(dryRun).setNow(now).build();
                Collection answer = client.ask(PATIENCE, stub -> stub.collectGarbage(request));
                server.print(answer, () -> text(answer));
                return 0;
            }
        }

        private static String text(Collection done) {
            StringBuilder text = new StringBuilder();
            text.append(done.getDryRun() ? "would free " : "freed ").append(Texts.bytes(done.getFreedBytes())).append(" of ").append(done.getFreedPacks()).append(" packs\n");
            if (done.getExpiredCount() > 0) {
                text.append(done.getDryRun() ? "would remove " : "removed ").append(done.getExpiredCount()).append(" images that no rule keeps: ").append(String.join(" ", done.getExpiredList())).append('\n');
            }
            if (done.getCondemnedPacks() > 0) {
                text.append(done.getCondemnedPacks()).append(" packs, ").append(Texts.bytes(done.getCondemnedBytes())).append(", go when their grace is over\n");
            }
            done.getGivenUpList().forEach(image -> text.append(done.getDryRun() ? "would give up" : "gave up").append(" the dump of image ").append(image).append(", which made no image for too long\n"));
            return text.append(done.getLivePacks()).append(" packs, ").append(Texts.bytes(done.getLiveBytes())).append(", stay for ").append(done.getImages()).append(" images and ").append(done.getOpenDumps()).append(" dumps under way; took ").append(Texts.micros(done.getMicros())).append('\n').toString();
        }
    }

    /** {@code ferry store fsck}. */
    @Command(
            name = "fsck",
            description = "Reads every object of the store and checks it; one line for each finding. The exit status is 0 only if nothing is damaged.",
            footer = {"", "Example:", "  ferry store fsck --quick"})
    public static final class Fsck implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Option(names = "--quick", description = "Only that objects are there and can be read, not the chunks in packs.")
        private boolean quick;

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                StoreCheck answer = client.ask(PATIENCE, stub -> stub.checkStore(CheckStoreRequest.newBuilder().setQuick(quick).build()));
                server.print(answer, () -> text(answer));
                return answer.getFindingsList().stream().noneMatch(StoreFinding::getDamage) ? 0 : Main.statusOf(new FerryException(ErrorCode.CHUNK_CORRUPT, "damage"));
            }
        }

        private static String text(StoreCheck found) {
            StringBuilder text = new StringBuilder();
            found.getFindingsList().forEach(finding -> text.append(finding.getDamage() ? "DAMAGE " : "note   ").append(finding.getObject()).append(": ").append(finding.getProblem().replace('\n', ' ')).append('\n'));
            long damaged = found.getFindingsList().stream().filter(StoreFinding::getDamage).count();
            return text.append(found.getObjects()).append(" objects, ").append(Texts.bytes(found.getBytes())).append("; ").append(found.getImages()).append(" images, ").append(found.getChunks()).append(" chunks read; ").append(damaged == 0 ? "nothing is damaged" : damaged + " findings of damage").append('\n').toString();
        }
    }
}
