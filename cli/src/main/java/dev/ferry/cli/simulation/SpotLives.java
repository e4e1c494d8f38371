package dev.ferry.cli.simulation;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.evacuation.MachineLife;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;

/** Lives of spot machines to play: of a file, recorded, or made up. */
public final class SpotLives {
    private static final String RECORDED = "spot-lives.csv";
    private static final List<String> COLUMNS = List.of("machine", "began", "ended", "taken");
    private static final double MILLIS = 1000;

    private SpotLives() {}

    /**
     * Reads a file: a line that names the columns machine, began, ended, taken, and one line for each life. Times are seconds from any begin; taken is
     * true or false. Lines that begin with # say something to people.
     *
     * @throws FerryException INVALID_ARGUMENT, with the line that can't be read
     */
    public static List<MachineLife> read(Path file) {
        try {
            return parse(Files.readAllLines(file), file.toString());
        } catch (IOException unreadable) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Can't read the lives " + file + ": " + unreadable.getMessage(), unreadable);
        }
    }

    /** Those that come with Ferry; their file says where they are from. */
    public static List<MachineLife> recorded() {
        try (InputStream file = Objects.requireNonNull(SpotLives.class.getResourceAsStream(RECORDED))) {
            return parse(new String(file.readAllBytes(), StandardCharsets.UTF_8).lines().toList(), RECORDED);
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    static List<MachineLife> parse(List<String> lines, String name) {
        List<MachineLife> lives = new ArrayList<>();
        boolean begun = false;
        for (int at = 0; at < lines.size(); at++) {
            String line = lines.get(at).strip();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            List<String> cells = Arrays.asList(line.split(",", -1));
            if (!begun && !cells.equals(COLUMNS)) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Line " + (at + 1) + " of " + name + " must name the columns " + String.join(",", COLUMNS) + ", not '" + line + "'");
            }
            if (begun) {
                lives.add(life(cells, "Line " + (at + 1) + " of " + name));
            }
            begun = true;
        }
        if (lives.isEmpty()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, name + " has no lives of machines; write lines such as m-1,0,3600,true below " + String.join(",", COLUMNS));
        }
        return lives;
    }

    private static MachineLife life(List<String> cells, String where) {
        if (cells.size() != COLUMNS.size()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, where + " has " + cells.size() + " cells, the first line names " + COLUMNS.size());
        }
        boolean taken = cells.get(3).equals("true");
        if (!taken && !cells.get(3).equals("false")) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, where + ": taken must be true or false, not '" + cells.get(3) + "'");
        }
        try {
            return new MachineLife(cells.get(0), Math.round(Double.parseDouble(cells.get(1)) * MILLIS), Math.round(Double.parseDouble(cells.get(2)) * MILLIS), taken);
        } catch (NumberFormatException noNumber) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, where + ": began and ended must be seconds, not '" + cells.get(1) + "' and '" + cells.get(2) + "'", noNumber);
        } catch (IllegalArgumentException notAlive) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, where + ": " + notAlive.getMessage(), notAlive);
        }
    }

    /**
     * Makes lives up: as many short as long ones by their order of magnitude, one after the other without a gap.
     *
     * @param seed the same makes up the same
     * @param machines at a time
     * @param time after which nobody looks any more
     */
    public static List<MachineLife> generated(long seed, int machines, Duration time, Duration shortest, Duration longest) {
        SplittableRandom random = new SplittableRandom(seed);
        List<MachineLife> lives = new ArrayList<>();
        for (int machine = 1; machine <= machines; machine++) {
            long began = 0;
            for (int number = 1; began < time.toMillis(); number++) {
                long lived = Math.round(shortest.toMillis() * Math.pow((double) longest.toMillis() / shortest.toMillis(), random.nextDouble()));
                long ended = Math.min(time.toMillis(), began + lived);
                lives.add(new MachineLife("m-" + machine + "." + number, began, ended, ended < time.toMillis()));
                began = ended;
            }
        }
        return lives;
    }
}
