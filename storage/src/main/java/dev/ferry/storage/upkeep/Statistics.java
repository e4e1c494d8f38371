package dev.ferry.storage.upkeep;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobStats;
import dev.ferry.proto.v1.StoreStats;
import dev.ferry.storage.ManifestMemory;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.image.Keys;
import dev.ferry.storage.image.StoredManifest;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Counts what a store holds. Beside writers: the figures are of no single moment. */
public final class Statistics {
    private Statistics() {}

    /**
     * @throws FerryException MANIFEST_CORRUPT, RECORD_CORRUPT, FORMAT_UNKNOWN, OBJECT_TOO_LARGE, STORE_*
     */
    public static StoreStats of(ObjectStore store, ManifestMemory memory) {
        List<ObjectStore.Entry> all = store.entries("");
        References references = References.read(store, Runnable::run);
        PackUse use = new PackUse();
        Map<String, JobStats.Builder> jobs = new TreeMap<>();
        for (String key : store.list(Keys.manifests(Optional.empty()))) {
            try {
                Image image = memory.oneByOne(() -> {
                    StoredManifest manifest = StoredManifest.open(store, Keys.image(key));
                    use.add(manifest);
                    return manifest.image();
                });
                count(jobs.computeIfAbsent(Keys.job(Keys.image(key)), job -> JobStats.newBuilder().setJob(job)), image);
            } catch (FerryException failed) {
                // Deleted meanwhile, or given up.
                if (failed.code() != ErrorCode.IMAGE_NOT_FOUND) {
                    throw failed;
                }
            }
        }
        StoreStats.Builder stats = StoreStats.newBuilder().setStore(store.describe()).setOpenDumps(references.holds().size()).setGivenUpDumps(references.givenUp().size()).setNeededBytes(use.bytes());
        for (ObjectStore.Entry object : all) {
            stats.setObjects(stats.getObjects() + 1).setBytes(stats.getBytes() + object.bytes());
            if (object.key().startsWith(Keys.PACKS)) {
                stats.setPacks(stats.getPacks() + 1).setPackBytes(stats.getPackBytes() + object.bytes());
                if (!references.uses(object.key())) {
                    stats.setUnnamedPacks(stats.getUnnamedPacks() + 1).setUnnamedBytes(stats.getUnnamedBytes() + object.bytes());
                }
            } else if (object.key().startsWith(Keys.CONDEMNED)) {
                stats.setCondemnedPacks(stats.getCondemnedPacks() + 1);
            }
        }
        jobs.values().forEach(stats::addJobs);
        return stats.build();
    }

    private static void count(JobStats.Builder job, Image image) {
        job.setImages(job.getImages() + 1)
                .setImageBytes(job.getImageBytes() + image.getBytes())
                .setZeroBytes(job.getZeroBytes() + image.getZeroBytes())
                .setSentBytes(job.getSentBytes() + image.getSentBytes());
    }
}
