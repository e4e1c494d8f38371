package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.DiskSpool;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.OptionalInt;

/** What waits for a run's cutter: bytes in memory or on the disk, or the word that so many are zeros. */
sealed interface Waiting {
    /** Zeros that nobody has read. */
    record Zeros(long bytes) implements Waiting {}

    /** What was read. */
    sealed interface Bytes extends Waiting {
        /** The bytes, in memory; none when they can't be had, which the image's failure says then. */
        Piece piece(StoredImageWriter writer);
    }

    /** In memory. */
    record InMemory(Piece piece) implements Bytes {
        @Override
        public Piece piece(StoredImageWriter writer) {
            return piece;
        }
    }

    /** In a slot of the spool on the disk. */
    record OnDisk(DiskSpool disk, int slot, int length) implements Bytes {
        @Override
        public Piece piece(StoredImageWriter writer) {
            if (writer.failed()) {
                disk.free(slot);
                return nothing(writer);
            }
            try {
                ByteBuffer bytes = disk.take(slot, length);
                return new Piece(bytes, () -> {
                    disk.giveBack(bytes);
                    writer.end(0);
                });
            } catch (IOException failed) {
                writer.fail(new FerryException(ErrorCode.DISK_FULL, "The spool on the disk can't be read: " + failed.getMessage(), failed));
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                writer.fail(new FerryException(ErrorCode.CANCELLED, "The write of an image was interrupted", interrupted));
            }
            return nothing(writer);
        }

        private static Piece nothing(StoredImageWriter writer) {
            return new Piece(ByteBuffer.allocate(0), () -> writer.end(0));
        }
    }

    /** Takes over a buffer of the writer's pool: on the disk when few are left and the disk takes it, else as it is. */
    static Waiting of(StoredImageWriter writer, ByteBuffer owned) {
        int length = owned.remaining();
        DiskSpool disk = writer.buffers().overflow();
        OptionalInt slot = disk == null ? OptionalInt.empty() : disk.put(owned);
        if (disk != null && slot.isPresent()) {
            writer.buffers().give(owned);
            writer.counts().waitsOnDisk(length);
            return new OnDisk(disk, slot.getAsInt(), length);
        }
        writer.counts().waitsInMemory(length);
        return new InMemory(new Piece(owned, () -> {
            writer.buffers().give(owned);
            writer.end(0);
        }));
    }
}
