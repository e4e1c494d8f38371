package dev.ferry.cli.chaos;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The steps of one job as they stand in a file outside the cluster, and what they prove. All nodes are on one machine and each
 * line is one write at the file's end, so that the lines are in the order in which the steps were done, whichever life did them.
 *
 * <p>One life, or lives of which each goes on exactly where the last one stood, count 0, 1, 2, ... A life that begins from an image
 * goes back, once, to a step that is not before that image. Two lives at a time mix their steps, so that numbers go back twice or
 * leave some out. Not safe for threads.
 */
public final class WitnessFile {
    private final Path file;
    private final List<Back> backs = new ArrayList<>();
    private final List<String> damage = new ArrayList<>();
    /** When each step was done for the last time, by its number. */
    private long[] times = new long[1024];
    private long position;
    private long last = -1;
    private long lastNanos;
    private String rest = "";

    /**
     * A place where the job went on from an earlier step.
     *
     * @param from the last step before
     * @param to the step after it
     * @param lostNanos how long the job had been at what it did again
     */
    public record Back(long from, long to, long lostNanos) {}

    /**
     * @param file need not be there yet
     */
    public WitnessFile(Path file) {
        this.file = file;
    }

    /** Reads what was written since. */
    public void read() throws IOException {
        if (!Files.exists(file)) {
            return;
        }
        String more;
        try (FileChannel channel = FileChannel.open(file)) {
            ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(Integer.MAX_VALUE - 8, channel.size() - position));
            while (bytes.hasRemaining() && channel.read(bytes, position + bytes.position()) > 0) {
                continue;
            }
            position += bytes.position();
            more = rest + new String(bytes.array(), 0, bytes.position(), StandardCharsets.US_ASCII);
        }
        int end = more.lastIndexOf('\n') + 1;
        rest = more.substring(end);
        more.substring(0, end).lines().forEach(this::take);
    }

    private void take(String line) {
        String[] words = line.split(" ", -1);
        long step = Long.parseLong(words[0]);
        long nanos = Long.parseLong(words[1]);
        // An image of a job that had looked at the clock and not written yet holds the line, which the job wrote after the image as well.
        boolean fromImage = step <= last && step >= 0 && times[(int) step] == nanos;
        if (nanos <= lastNanos && !fromImage) {
            damage.add("step " + step + " was done before step " + last + " and written after it: two lives at a time");
        }
        if (step <= last) {
            backs.add(new Back(last, step, times[(int) last] - times[(int) step]));
        } else if (step != last + 1) {
            damage.add("after step " + last + " came step " + step + ": " + (step - last - 1) + " are missing");
        }
        if (step >= times.length) {
            times = Arrays.copyOf(times, (int) Math.max(2L * times.length, step + 1));
        }
        times[(int) step] = nanos;
        last = step;
        lastNanos = Math.max(lastNanos, nanos);
    }

    /** Number of the last step; -1: none was done. */
    public long last() {
        return last;
    }

    /** Where the job went back, in order. */
    public List<Back> backs() {
        return List.copyOf(backs);
    }

    /** What no fault may bring about: steps that are missing, or written out of order. */
    public List<String> damage() {
        return List.copyOf(damage);
    }
}
