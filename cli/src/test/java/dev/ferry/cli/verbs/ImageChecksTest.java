package dev.ferry.cli.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.cli.Ferry;
import dev.ferry.cli.StandInCoordinator;
import dev.ferry.common.Errors;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.proto.v1.DeleteImageResponse;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.ListImagesRequest;
import dev.ferry.proto.v1.ListImagesResponse;
import dev.ferry.proto.v1.VerifyImageResponse;
import io.grpc.Context;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Whoever checks or deletes many images is told of each, and the exit status is that of the first that is not well. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class ImageChecksTest {
    private static final String FIRST = "j-aaaaaaaa.1";
    private static final String SECOND = "j-aaaaaaaa.2";
    private static final String THIRD = "j-aaaaaaaa.3";

    private final Store store = new Store();
    private StandInCoordinator coordinator;

    @BeforeEach
    void open() throws Exception {
        coordinator = StandInCoordinator.of(store);
    }

    @AfterEach
    void close() {
        coordinator.close();
    }

    private Ferry.Said ferry(String... words) {
        return Ferry.ferry(Stream.concat(Stream.of(words), Stream.of("--server", coordinator.address())).toArray(String[]::new));
    }

    private static int status(ErrorCode code) {
        return Errors.meaning(code).getExitStatus();
    }

    @Test
    void anImageThatIsDeletedMeanwhileStopsNoLook() {
        store.refusals.put(SECOND, ErrorCode.IMAGE_NOT_FOUND);
        store.deleted.add(SECOND);
        Ferry.Said all = ferry("image", "verify", "--all");
        assertThat(all.out()).contains(FIRST + " is whole", THIRD + " is whole");
        assertThat(all.error()).contains(SECOND + " was deleted meanwhile");
        assertThat(all.status()).isZero();
        assertThat(ferry("image", "verify", SECOND).status()).isEqualTo(status(ErrorCode.IMAGE_NOT_FOUND));
    }

    /** A store that has lost its manifest and a catalogue that has lost its entry say the same. */
    @Test
    void anImageThatTheStoreHasLostIsDamaged() {
        store.refusals.put(SECOND, ErrorCode.IMAGE_NOT_FOUND);
        Ferry.Said all = ferry("image", "verify", "--all");
        assertThat(all.out()).contains(FIRST + " is whole", SECOND + " is DAMAGED", "wrong with " + SECOND, THIRD + " is whole");
        assertThat(all.error()).doesNotContain("deleted");
        assertThat(all.status()).isEqualTo(status(ErrorCode.CHUNK_CORRUPT));
        assertThat(ferry("image", "verify", "--all", "-o", "json").out()).contains("wrong with " + SECOND, THIRD);
    }

    @Test
    void oneImageThatCanNotBeReadKeepsNoOtherFromBeingChecked() {
        for (ErrorCode code : List.of(ErrorCode.MANIFEST_CORRUPT, ErrorCode.CHUNK_MISSING, ErrorCode.CHUNK_CORRUPT, ErrorCode.FORMAT_UNKNOWN, ErrorCode.OBJECT_TOO_LARGE, ErrorCode.FORBIDDEN)) {
            store.refusals.put(FIRST, code);
            Ferry.Said all = ferry("image", "verify", "--all");
            assertThat(all.out() + all.error()).as("%s", code).contains("wrong with " + FIRST, SECOND + " is whole", THIRD + " is whole");
            assertThat(all.status()).as("%s", code).isEqualTo(status(code));
        }
    }

    @Test
    void whereTheStoreIsAwayNothingMoreIsAsked() {
        store.refusals.put(FIRST, ErrorCode.STORE_UNREACHABLE);
        Ferry.Said all = ferry("image", "verify", "--all");
        assertThat(store.asked).containsExactly(FIRST);
        assertThat(all.status()).isEqualTo(status(ErrorCode.STORE_UNREACHABLE));
    }

    @Test
    void anImageThatCanNotBeDeletedKeepsNoOther() {
        store.refusals.put(FIRST, ErrorCode.IMAGE_IN_USE);
        Ferry.Said said = ferry("image", "delete", FIRST, SECOND);
        assertThat(said.error()).contains("wrong with " + FIRST, "IMAGE_IN_USE");
        assertThat(said.out()).contains(SECOND + " deleted");
        assertThat(said.status()).isEqualTo(status(ErrorCode.IMAGE_IN_USE));
    }

    /** Its packs are collected before it is answered. */
    @Test
    void aDeletionMayTakeAsLongAsACollection() {
        assertThat(ferry("image", "delete", FIRST).status()).isZero();
        assertThat(store.minutes).isGreaterThan(60);
    }

    private static final class Store extends FerryGrpc.FerryImplBase {
        private final Map<String, ErrorCode> refusals = new HashMap<>();
        /** They are not in the catalogue when it is looked into again. */
        private final List<String> deleted = new ArrayList<>();
        private final List<String> asked = new ArrayList<>();
        private boolean listed;
        /** What the last deletion had. */
        private long minutes;

        @Override
        public void listImages(ListImagesRequest request, StreamObserver<ListImagesResponse> to) {
            ListImagesResponse.Builder images = ListImagesResponse.newBuilder();
            Stream.of(FIRST, SECOND, THIRD).filter(id -> !listed || !deleted.contains(id)).forEach(id -> images.addImages(Image.newBuilder().setId(id)));
            listed = true;
            to.onNext(images.build());
            to.onCompleted();
        }

        @Override
        public void verifyImage(GetImageRequest request, StreamObserver<VerifyImageResponse> to) {
            asked.add(request.getImage());
            answer(request.getImage(), to, VerifyImageResponse.newBuilder().setImage(Image.newBuilder().setId(request.getImage())).build());
        }

        @Override
        public void deleteImage(GetImageRequest request, StreamObserver<DeleteImageResponse> to) {
            minutes = Context.current().getDeadline().timeRemaining(TimeUnit.MINUTES);
            answer(request.getImage(), to, DeleteImageResponse.newBuilder().setImage(request.getImage()).build());
        }

        private <T> void answer(String image, StreamObserver<T> to, T answer) {
            if (refusals.containsKey(image)) {
                to.onError(ErrorTransport.toStatus(new FerryException(refusals.get(image), "Something is wrong with " + image)));
            } else {
                to.onNext(answer);
                to.onCompleted();
            }
        }
    }
}
