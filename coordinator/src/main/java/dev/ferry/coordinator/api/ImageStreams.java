package dev.ferry.coordinator.api;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.ImageFilesConfig;
import dev.ferry.coordinator.access.Caller;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.ImagePiece;
import dev.ferry.proto.v1.ImportImageRequest;
import dev.ferry.proto.v1.ImportImageResponse;
import dev.ferry.storage.Images;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;

/** Images' files as gRPC streams. The work has a thread of its own, so that it is told when there is room or something new. */
public final class ImageStreams {
    private final ImageFiles files;

    public ImageStreams(StateStore store, Images images, Gate gate, ImageFilesConfig config) {
        files = new ImageFiles(store, images, gate, config);
    }

    void export(GetImageRequest request, StreamObserver<ImagePiece> to) {
        PieceOutput<ImagePiece> pieces =
                new PieceOutput<>((ServerCallStreamObserver<ImagePiece>) to, content -> ImagePiece.newBuilder().setContent(content).build(), files.silence());
        beside(
                () ->
                        FerryService.stream(
                                to,
                                () -> {
                                    long unused = files.export(request.getImage(), pieces);
                                    pieces.flush();
                                }));
    }

    StreamObserver<ImportImageRequest> load(StreamObserver<ImportImageResponse> to) {
        ServerCallStreamObserver<ImportImageResponse> call = (ServerCallStreamObserver<ImportImageResponse>) to;
        call.disableAutoRequest();
        PieceInput pieces = new PieceInput(call::request, files.silence());
        call.setOnCancelHandler(pieces::breakOff);
        call.setOnCloseHandler(pieces::breakOff);
        pieces.begin();
        return new Incoming(to, pieces);
    }

    private static void beside(Runnable work) {
        Caller caller = Caller.current();
        Thread ignored = Thread.ofVirtual().name("image file").start(() -> caller.run(work));
    }

    /** What comes in: the terms begin the work, all else feeds it. */
    private final class Incoming implements StreamObserver<ImportImageRequest> {
        private final StreamObserver<ImportImageResponse> to;
        private final PieceInput pieces;
        private boolean begun;

        Incoming(StreamObserver<ImportImageResponse> to, PieceInput pieces) {
            this.to = to;
            this.pieces = pieces;
        }

        @Override
        public void onNext(ImportImageRequest part) {
            if (!begun) {
                begun = true;
                beside(() -> FerryService.stream(to, () -> to.onNext(files.load(part.getTerms(), pieces))));
            }
            pieces.add(part.getContent());
        }

        @Override
        public void onError(Throwable gone) {
            pieces.breakOff();
        }

        @Override
        public void onCompleted() {
            pieces.end();
            if (!begun) {
                to.onError(ErrorTransport.toStatus(new FerryException(ErrorCode.INVALID_ARGUMENT, "The file of an image is missing")));
            }
        }
    }
}
