package dev.ferry.coordinator.evacuation;

/**
 * Where the time of all jobs went under one policy, in hours of jobs.
 *
 * @param usefulHours work that counts
 * @param frozenHours for images
 * @param lostHours work that was done again
 * @param movingHours from a job's last moment on a machine until it worked on the next, and at its start
 * @param images that were made, those of evacuations among them
 * @param ends of machines that were taken away
 * @param losses how often a job lost work by one
 * @param overInterval how often that was more than its interval and the time of an image
 * @param longestLossSeconds the worst of all
 * @param lostGpuHours work that was done again, times the GPUs of the jobs
 */
public record ReplayReport(
        String policy, double usefulHours, double frozenHours, double lostHours, double movingHours, long images, long ends, long losses, long overInterval, double longestLossSeconds, double lostGpuHours) {
    private double all() {
        return usefulHours + frozenHours + lostHours + movingHours;
    }

    /** The share of the work that counts in all the time that jobs had, 0 to 1. */
    public double useful() {
        return usefulHours / all();
    }

    /** The share of the time in which jobs stood still for images. */
    public double frozen() {
        return frozenHours / all();
    }

    /** The share of the time whose work was done again. */
    public double lost() {
        return lostHours / all();
    }

    /** The share of the time in which jobs were between two machines. */
    public double moving() {
        return movingHours / all();
    }
}
