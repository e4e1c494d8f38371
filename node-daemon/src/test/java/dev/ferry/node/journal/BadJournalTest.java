package dev.ferry.node.journal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.FerryException;
import dev.ferry.common.testing.Mutations;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobJournal;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A journal that a disk damaged is read, or refused by name: never something else. */
class BadJournalTest {
    private static final int SEEDS = 1000;

    @TempDir Path folder;

    @Test
    void isReadOrRefused() throws Exception {
        SpareFiles spare = new SpareFiles(folder.resolve("spare"));
        for (int seed = 0; seed < SEEDS; seed++) {
            Mutations mutations = new Mutations(seed);
            byte[] good = ((JobJournal) mutations.message(JobJournal.getDefaultInstance())).toBuilder().setFormatVersion(1).build().toByteArray();
            Files.write(folder.resolve("journal"), seed % 3 == 0 ? mutations.noise(300) : mutations.damage(good));
            try {
                assertThat(Journal.open(folder, spare)).as("seed %d", seed).isPresent();
            } catch (FerryException refused) {
                assertThat(refused.code()).as("seed %d", seed).isIn(ErrorCode.INTERNAL, ErrorCode.FORMAT_UNKNOWN);
                assertThat(refused.getMessage()).contains(folder.toString());
            }
        }
    }
}
