package dev.ferry.cli.bench;

import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Operation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What the bench's workload gets done while its memory is copied ahead, beside what it gets done alone. */
final class WorkBeside {
    /** So many steps of 50 ms the workload is looked at before it is copied: its own arithmetic needs them to be told from noise. */
    private static final int ALONE = 100;

    private static final int HALF_A_SECOND = 10;

    private final List<Double> alone = new ArrayList<>();
    private final List<Double> ahead = new ArrayList<>();

    /** A live migration of a job that has just begun. Nothing asks for the job's lines while they count: that would take from its time. */
    Operation migrate(FerrySide ferry, Job job) {
        FerrySide.await("the job has worked alone for a while", () -> ferry.log(job).size() > ALONE);
        int begin = ferry.log(job).size();
        List<Integer> atDump = new ArrayList<>();
        Operation moved =
                ferry.end(ferry.beginLive(job), now -> {
                    if (atDump.isEmpty() && FerrySide.hasStep(now, "DUMP")) {
                        atDump.add(ferry.log(job).size());
                    }
                });
        List<String> log = ferry.log(job);
        alone.addAll(milliseconds(log.subList(begin - ALONE, begin)));
        ahead.addAll(milliseconds(log.subList(begin, atDump.isEmpty() ? begin : Math.max(begin, atDump.getFirst()))));
        return moved;
    }

    /** For each whole half second the mean time of a piece of work: one hold-up of the machine is not all of a round then. */
    private static List<Double> milliseconds(List<String> lines) {
        List<Double> milliseconds = new ArrayList<>();
        for (int from = 0; from + HALF_A_SECOND <= lines.size(); from += HALF_A_SECOND) {
            double pieces = lines.subList(from, from + HALF_A_SECOND).stream().mapToDouble(line -> Double.parseDouble(line.split(" ")[5])).average().orElseThrow();
            // A step works for half of its 50 ms.
            milliseconds.add(25.0 / Math.max(1e-3, pieces));
        }
        return milliseconds;
    }

    /** Empty if no copy took half a second. */
    Optional<Figure> figure() {
        return ahead.isEmpty()
                ? Optional.empty()
                : Optional.of(Figure.compared("time for a piece of the job's work while it is copied ahead", "ms", ahead, "before", alone, 1.05, "of half a second each"));
    }
}
