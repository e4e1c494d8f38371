package dev.ferry.cli.chaos;

import java.util.List;
import java.util.Locale;

/**
 * What became of the jobs of one machine that was taken away after a notice.
 *
 * @param noticeMillis that it was told before its end
 * @param mebibytes memory of all its jobs
 * @param promised of how many jobs the plan said that they would make it
 * @param escaped how many of those that were not promised made it all the same
 * @param fromImage how many of them went on from an older image
 * @param gone how many of them had none and are lost, as was said
 * @param planMillis from the announcement until the plan stood
 * @param savedMillis from the announcement until the last image of those that made it was whole
 * @param millis from the announcement until all ran again
 * @param violations what must never be; empty in a good run
 */
public record ToldMachine(
        int number, String cloud, long noticeMillis, int jobs, int mebibytes, int promised, int escaped, int fromImage, int gone, long planMillis, long savedMillis, long millis, List<String> violations) {
    public ToldMachine {
        violations = List.copyOf(violations);
    }

    String line() {
        String line =
                String.format(
                        Locale.ROOT, "%3d  %-5s told %4.1f s before, %d jobs with %4d MiB: %d promised, %d escaped, %d from an older image, %d gone; planned after %.1f s, saved after %4.1f s, all well after %5.1f s", number, cloud, noticeMillis / 1e3, jobs,
                        mebibytes, promised, escaped, fromImage, gone, planMillis / 1e3, savedMillis / 1e3, millis / 1e3);
        return violations.isEmpty() ? line : line + "  VIOLATION " + violations;
    }
}
