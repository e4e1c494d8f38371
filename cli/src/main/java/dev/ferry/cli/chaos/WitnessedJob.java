package dev.ferry.cli.chaos;

import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Mount;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** One job of a run, with what its witness has proved so far. */
final class WitnessedJob {
    /** What Python itself needs beside the memory that is asked for. */
    private static final int BESIDE_MEBIBYTES = 128;

    private final String name;
    private final JobSpec spec;
    private final WitnessFile witness;
    private final Path folder;
    private String id = "";
    private long floor = -1;
    private int backsSeen;
    private int damageSeen;

    /**
     * @param programs folder that holds witness.py
     * @param witnesses folder outside the cluster
     * @param mebibytes of memory that it looks at
     */
    WitnessedJob(String name, Path programs, Path witnesses, int mebibytes) {
        this.name = name;
        folder = witnesses;
        witness = new WitnessFile(witnesses.resolve(name));
        spec =
                JobSpec.newBuilder()
                        .setName(name)
                        .addAllCommand(List.of("/usr/bin/python3", "/chaos/witness.py", "/witness/" + name, Integer.toString(mebibytes)))
                        .setMemoryBytes((long) (mebibytes + BESIDE_MEBIBYTES) << 20)
                        .setCpuMillis(100)
                        // Whatever becomes of the machines, only what the run itself orders is done to it.
                        .setCheckpointEvery("never")
                        .addMounts(Mount.newBuilder().setSource(programs.toString()).setDestination("/chaos").setReadOnly(true))
                        .addMounts(Mount.newBuilder().setSource(witnesses.toString()).setDestination("/witness"))
                        .build();
    }

    /** The program that such jobs run, in a folder of its own below this one. */
    static Path programs(Path folder) throws IOException {
        Path programs = Files.createDirectories(folder.resolve("programs"));
        try (InputStream program = WitnessedJob.class.getResourceAsStream("witness.py")) {
            Files.copy(Objects.requireNonNull(program), programs.resolve("witness.py"));
        }
        return programs;
    }

    JobSpec spec() {
        return spec;
    }

    String name() {
        return name;
    }

    String id() {
        return id;
    }

    void submitted(String as) {
        id = as;
    }

    /** Number of its last step. */
    long last() throws IOException {
        witness.read();
        return witness.last();
    }

    /** An image is whole that was begun when this step had been done: nothing may ever go on from before it. */
    void saved(long step) {
        floor = Math.max(floor, step);
    }

    /**
     * What the witness proves to be wrong with the steps since the last call.
     *
     * @param lives how many lives began from an image since then, because a node was lost
     */
    List<String> violations(long lives) throws IOException {
        witness.read();
        List<String> damage = witness.damage();
        List<WitnessFile.Back> backs = witness.backs();
        List<String> found = new ArrayList<>(damage.subList(damageSeen, damage.size()));
        List<WitnessFile.Back> fresh = backs.subList(backsSeen, backs.size());
        damageSeen = damage.size();
        backsSeen = backs.size();
        if (fresh.size() > lives) {
            found.add("it went back " + fresh.size() + " times " + fresh + " though " + lives + " lives began from an image: two lives at a time");
        }
        fresh.stream().filter(back -> back.to() <= floor).forEach(back -> found.add("it went on from step " + back.to() + ", but an image held step " + floor + ": a committed image was lost"));
        return found;
    }

    /** Where it went back since the last call of {@link #violations}. */
    List<WitnessFile.Back> freshBacks() throws IOException {
        witness.read();
        List<WitnessFile.Back> backs = witness.backs();
        return backs.subList(backsSeen, backs.size());
    }

    /** Asks it to say its result and to end. */
    void askToEnd() throws IOException {
        Files.createFile(folder.resolve(name + ".end"));
    }

    /** What is wrong with the result that it has left; empty: it is what all its steps, each once, make. */
    Optional<String> wrongResult() throws IOException {
        Path file = folder.resolve(name + ".result");
        if (!Files.exists(file)) {
            return Optional.of("it has left no result");
        }
        String found = Files.readString(file);
        String right = last() + " " + HexFormat.of().toHexDigits(made(last()));
        return found.equals(right) ? Optional.empty() : Optional.of("its result is '" + found + "', not '" + right + "'");
    }

    /** The number that witness.py makes of its steps. */
    private static long made(long last) {
        long made = 0;
        for (long step = 0; step <= last; step++) {
            made = made * 6364136223846793005L + step + 1442695040888963407L;
        }
        return made;
    }
}
