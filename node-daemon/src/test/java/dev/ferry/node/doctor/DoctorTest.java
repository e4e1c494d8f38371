package dev.ferry.node.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.storage.StoreId;
import dev.ferry.storage.object.FolderStore;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the doctor says of a machine whose store is another one than the coordinator's. */
class DoctorTest {
    @TempDir Path folder;

    @Test
    void itSaysWhetherTheStoreIsTheCoordinators() throws Exception {
        FolderStore own = new FolderStore(folder.resolve("own"));
        Check unmarked = Doctor.sameStore(own, folder);
        assertThat(unmarked.status()).isEqualTo(Check.Status.WARNING);
        assertThat(unmarked.advice()).contains("store.url");
        // As the daemon writes down what a Welcome says.
        Files.writeString(folder.resolve("store"), "another\ns3://bucket\n");
        assertThat(Doctor.sameStore(own, folder).status()).isEqualTo(Check.Status.MISSING);
        assertThat(Doctor.sameStore(own, folder).advice()).contains("s3://bucket");
        Files.writeString(folder.resolve("store"), StoreId.make(own) + "\nfile:///shared\n");
        assertThat(Doctor.sameStore(own, folder).status()).isEqualTo(Check.Status.OK);
        assertThat(Doctor.sameStore(own, folder).found()).contains("it is the coordinator's");
        Files.delete(folder.resolve("store"));
        assertThat(Doctor.sameStore(own, folder).status()).isEqualTo(Check.Status.OK);
    }
}
