package dev.ferry.node.jobs;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.ferry.common.DurableFile;
import dev.ferry.proto.v1.DumpEstimate;
import dev.ferry.proto.v1.DumpSample;
import dev.ferry.proto.v1.DumpSamples;
import dev.ferry.storage.BufferPool;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How fast dumps were on this node, and how long the next would stop a job. The time in which pipes are emptied is
 * taken to be a fixed part and one that grows with the bytes (least squares over the last dumps); bytes for which the
 * spool has no room go at the speed of what lies behind it. Safe for threads.
 */
public final class DumpSpeeds {
    private static final Logger LOG = LoggerFactory.getLogger(DumpSpeeds.class);
    private static final int VERSION = 1;
    private static final int MOST = 16;
    /** Until a dump says otherwise: CRIU's own time for a small job, a slow memory, a slow store. */
    private static final double ASSUMED_FIXED = 150_000;
    private static final double ASSUMED_DRAIN = 1e6 / (1L << 30);
    private static final double ASSUMED_BEHIND = 1e6 / (200 << 20);

    private final Path file;
    private DumpSamples samples;

    private DumpSpeeds(Path file, DumpSamples samples) {
        this.file = file;
        this.samples = samples;
    }

    /** Reads what earlier daemons measured; what can't be read is measured anew. */
    public static DumpSpeeds open(Path file) throws IOException {
        DumpSamples read = DumpSamples.newBuilder().setFormatVersion(VERSION).build();
        try {
            DumpSamples there = DumpSamples.parseFrom(DurableFile.read(file).orElse(new byte[0]));
            read = there.getFormatVersion() == VERSION ? there : read;
        } catch (InvalidProtocolBufferException damaged) {
            LOG.warn("{} is damaged; speeds are measured anew", file);
        }
        return new DumpSpeeds(file, read);
    }

    /**
     * Writes down how a dump went.
     *
     * @param dumped from the freeze until the pipes were empty
     * @param waited how much of it the spool was full
     * @param whole from the freeze until the image was durable
     */
    synchronized void add(long bytes, long dumped, long waited, long whole) {
        DumpSample sample = DumpSample.newBuilder().setBytes(bytes).setDumpMicros(dumped / 1000).setWaitedMicros(waited / 1000).setWholeMicros(whole / 1000).build();
        DumpSamples.Builder next = samples.toBuilder().addSamples(sample);
        if (next.getSamplesCount() > MOST) {
            next.removeSamples(0);
        }
        samples = next.build();
        try {
            DurableFile.write(file, samples.toByteArray());
        } catch (IOException failed) {
            // An estimate is worth less than a dump.
            LOG.warn("{} can't be written: {}", file, failed.getMessage());
        }
    }

    synchronized DumpEstimate estimate(JobMemory memory, BufferPool buffers) {
        long inMemory = (long) buffers.available() * buffers.bufferBytes();
        return estimate(samples.getSamplesList(), memory, inMemory, buffers.freeDiskBytes());
    }

    /** What the last dumps let expect. */
    static DumpEstimate estimate(List<DumpSample> samples, JobMemory memory, long spoolMemory, long spoolDisk) {
        Line line = Line.of(samples);
        double bytes = samples.stream().mapToDouble(DumpSample::getBytes).sum();
        double behind = bytes == 0 ? ASSUMED_BEHIND : samples.stream().mapToDouble(DumpSample::getWholeMicros).sum() / bytes;
        double tooMuch = Math.max(0, memory.bytes() - spoolMemory - spoolDisk);
        double micros = line.fixed() + line.each() * memory.bytes() + tooMuch * Math.max(0, behind - line.each());
        return DumpEstimate.newBuilder()
                .setMemoryBytes(memory.bytes())
                .setProcesses(memory.processes())
                .setSpoolMemoryBytes(spoolMemory)
                .setSpoolDiskBytes(spoolDisk)
                .setFreezeMicros(Math.round(micros))
                .setFixedMicros(Math.round(line.fixed()))
                .setDrainBytesPerSecond(Math.round(1e6 / line.each()))
                .setBehindBytesPerSecond(Math.round(1e6 / behind))
                .setSamples(samples.size())
                .build();
    }

    /**
     * Microseconds of a dump as a line over its bytes.
     *
     * @param each for each byte
     */
    private record Line(double fixed, double each) {
        static Line of(List<DumpSample> samples) {
            if (samples.isEmpty()) {
                return new Line(ASSUMED_FIXED, ASSUMED_DRAIN);
            }
            double meanX = samples.stream().mapToDouble(DumpSample::getBytes).average().orElseThrow();
            double meanY = samples.stream().mapToDouble(Line::drained).average().orElseThrow();
            double spread = samples.stream().mapToDouble(sample -> square(sample.getBytes() - meanX)).sum();
            double together = samples.stream().mapToDouble(sample -> (sample.getBytes() - meanX) * (drained(sample) - meanY)).sum();
            // Jobs of nearly one size tell nothing of the slope.
            boolean oneSize = spread < samples.size() * square(meanX / 4);
            double fixed = oneSize || together <= 0 ? ASSUMED_FIXED : meanY - together / spread * meanX;
            double bounded = Math.clamp(fixed, 0, meanY);
            double each = meanX == 0 ? ASSUMED_DRAIN : (meanY - bounded) / meanX;
            return each > 0 ? new Line(bounded, each) : new Line(meanY, ASSUMED_DRAIN);
        }

        private static double drained(DumpSample sample) {
            return Math.max(0, sample.getDumpMicros() - sample.getWaitedMicros());
        }

        private static double square(double value) {
            return value * value;
        }
    }
}
