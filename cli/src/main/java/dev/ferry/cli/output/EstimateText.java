package dev.ferry.cli.output;

import dev.ferry.proto.v1.CheckpointEstimate;
import dev.ferry.proto.v1.DumpEstimate;
import dev.ferry.proto.v1.Image;

/** How long a checkpoint would take, in words. */
public final class EstimateText {
    private EstimateText() {}

    public static String of(CheckpointEstimate estimate) {
        DumpEstimate dump = estimate.getDump();
        StringBuilder text = new StringBuilder();
        text.append("job ").append(estimate.getJob()).append(" on ").append(estimate.getNode()).append(" would stand still for about ").append(Texts.micros(dump.getFreezeMicros())).append('\n');
        text.append("  memory   ").append(Texts.bytes(dump.getMemoryBytes())).append(" in ").append(dump.getProcesses()).append(dump.getProcesses() == 1 ? " process" : " processes").append('\n');
        text.append("  speed    ").append(Texts.micros(dump.getFixedMicros())).append(", and ").append(Texts.bytes(dump.getDrainBytesPerSecond())).append(" a second into the spool, ").append(Texts.bytes(dump.getBehindBytesPerSecond())).append(" a second behind it; ");
        text.append(dump.getSamples() == 0 ? "assumed: nothing was saved on this node yet" : "measured in " + dump.getSamples() + " dumps on this node").append('\n');
        long spool = dump.getSpoolMemoryBytes() + dump.getSpoolDiskBytes();
        text.append("  spool    ").append(Texts.bytes(dump.getSpoolMemoryBytes())).append(" in memory and ").append(Texts.bytes(dump.getSpoolDiskBytes())).append(" on the disk are free: ");
        text.append(dump.getMemoryBytes() <= spool ? "the job fits, the store's speed does not matter" : Texts.bytes(dump.getMemoryBytes() - spool) + " of the job must wait for what lies behind").append('\n');
        if (estimate.hasLatestImage()) {
            Image image = estimate.getLatestImage();
            text.append("  last     image ").append(image.getId()).append(": ").append(Texts.bytes(image.getBytes())).append(", ").append(Texts.bytes(image.getSentBytes())).append(" sent, frozen ").append(Texts.micros(image.getFreezeMicros())).append('\n');
        }
        return text.toString();
    }
}
