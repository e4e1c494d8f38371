package dev.ferry.coordinator.upkeep;

import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Retention;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Which images of a job no rule keeps: a function of the images and the rules alone, no clock. */
final class RetentionRules {
    private static final long HOUR_MILLIS = 3_600_000;
    private static final long DAY_MILLIS = 24 * HOUR_MILLIS;

    private RetentionRules() {}

    /** A job's rules, with the coordinator's where the job says nothing. */
    static Retention merge(Retention job, Retention coordinator) {
        return coordinator.toBuilder().mergeFrom(job).build();
    }

    /** Whether the rule for jobs that ended with success takes the place of the others. */
    private static boolean isByEnd(Retention rules, boolean succeeded) {
        return succeeded && rules.hasAfterSuccess() && rules.getAfterSuccess() >= 0;
    }

    /** Whether every image of a job is kept, so that they need not be looked at. */
    static boolean keepAll(Retention rules, boolean succeeded) {
        return !isByEnd(rules, succeeded) && rules.getLast() == 0 && rules.getHourly() == 0 && rules.getDaily() == 0;
    }

    /**
     * @param images of one job, in any order
     * @param succeeded whether the job has ended with success
     * @return ids, the oldest first
     */
    static List<String> expired(Retention rules, List<Image> images, boolean succeeded) {
        List<Image> newestFirst = new ArrayList<>(images);
        newestFirst.sort(Comparator.comparingLong(Image::getSequence).reversed());
        Set<String> kept = new HashSet<>();
        if (keepAll(rules, succeeded)) {
            return List.of();
        } else if (isByEnd(rules, succeeded)) {
            keepLast(newestFirst, rules.getAfterSuccess(), kept);
        } else {
            keepLast(newestFirst, rules.getLast(), kept);
            keepOneOfEach(newestFirst, HOUR_MILLIS, rules.getHourly(), kept);
            keepOneOfEach(newestFirst, DAY_MILLIS, rules.getDaily(), kept);
        }
        List<String> expired = new ArrayList<>(newestFirst.stream().map(Image::getId).filter(id -> !kept.contains(id)).toList());
        Collections.reverse(expired);
        return expired;
    }

    private static void keepLast(List<Image> newestFirst, int count, Set<String> kept) {
        newestFirst.stream().limit(count).map(Image::getId).forEach(kept::add);
    }

    /** Spans that have no image don't count: a job that stood still for a week keeps what it had. */
    private static void keepOneOfEach(List<Image> newestFirst, long span, int count, Set<String> kept) {
        Set<Long> spans = new HashSet<>();
        for (Image image : newestFirst) {
            if (spans.size() < count && spans.add(Math.floorDiv(image.getCreatedAt(), span))) {
                kept.add(image.getId());
            }
        }
    }
}
