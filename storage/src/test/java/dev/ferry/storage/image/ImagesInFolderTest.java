package dev.ferry.storage.image;

import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.object.FolderStore;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;

class ImagesInFolderTest extends ImagesContract {
    @TempDir Path folder;

    @Override
    ObjectStore open() {
        return new FolderStore(folder);
    }
}
