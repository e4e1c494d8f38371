package dev.ferry.cli.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.cli.Ferry;
import dev.ferry.cli.StandInCoordinator;
import dev.ferry.common.Errors;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.proto.v1.Drill;
import dev.ferry.proto.v1.DrillKind;
import dev.ferry.proto.v1.DrillOutcome;
import dev.ferry.proto.v1.DrillRestoreRequest;
import dev.ferry.proto.v1.DrillState;
import dev.ferry.proto.v1.DrilledImage;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetDrillRequest;
import dev.ferry.proto.v1.ListDrillsRequest;
import dev.ferry.proto.v1.ListDrillsResponse;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A rehearsal that has tried nothing has not gone well. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class DrillVerbTest {
    private static final int NONE_TRIED = Errors.meaning(ErrorCode.NO_CAPACITY).getExitStatus();

    private final Drills drills = new Drills();
    private StandInCoordinator coordinator;

    @BeforeEach
    void open() throws Exception {
        coordinator = StandInCoordinator.of(drills);
    }

    @AfterEach
    void close() {
        coordinator.close();
    }

    private Ferry.Said ferry(String... words) {
        return Ferry.ferry(Stream.concat(Stream.of(words), Stream.of("--server", coordinator.address())).toArray(String[]::new));
    }

    private static Drill drill(DrillState state, DrillOutcome... outcomes) {
        Drill.Builder drill = Drill.newBuilder().setId("dr-aaaaaaaa").setKind(DrillKind.DRILL_RESTORE).setState(state);
        Stream.of(outcomes).forEach(outcome -> drill.addImages(DrilledImage.newBuilder().setImage("j-aaaaaaaa." + drill.getImagesCount()).setOutcome(outcome)));
        return drill.build();
    }

    private void assertFound(int status, String well, String tried, Drill found) {
        drills.one = found;
        Ferry.Said said = ferry("drill", "restore");
        assertThat(said.status()).as("%s", found).isEqualTo(status);
        assertThat(said.out()).contains(tried);
        assertThat(ferry("drill", "list").out().lines().toList().getLast()).matches(".*\\s" + well + "\\s*");
    }

    @Test
    void oneThatTriedNothingIsNotWell() {
        assertFound(NONE_TRIED, "not tried", "0 of 2 tried", drill(DrillState.DRILL_DONE, DrillOutcome.NOT_TRIED, DrillOutcome.NOT_TRIED));
        assertFound(NONE_TRIED, "not tried", "no images", drill(DrillState.DRILL_DONE));
    }

    @Test
    void oneThatTriedSomethingIsJudgedByIt() {
        assertFound(0, "yes", "1 of 2 tried", drill(DrillState.DRILL_DONE, DrillOutcome.NOT_TRIED, DrillOutcome.CAN_BE_RESTORED));
        assertFound(1, "no", "2 of 3 tried", drill(DrillState.DRILL_DONE, DrillOutcome.NOT_TRIED, DrillOutcome.CAN_BE_RESTORED, DrillOutcome.CANT_BE_RESTORED));
    }

    @Test
    void ofOneThatIsOpenNothingIsKnown() {
        drills.one = drill(DrillState.DRILL_OPEN, DrillOutcome.CAN_BE_RESTORED, DrillOutcome.DRILL_OUTCOME_UNSPECIFIED);
        assertThat(ferry("drill", "list").out().lines().toList().getLast()).matches(".*\\s-\\s*");
        assertThat(ferry("drill", "restore", "--detach").status()).isZero();
    }

    /** It goes on without whoever began it. */
    @Test
    void whoCanNotSeeItAnyMoreIsToldWhereToLook() {
        drills.one = drill(DrillState.DRILL_OPEN);
        Ferry.Said said = ferry("drill", "restore");
        assertThat(said.error()).contains("drill dr-aaaaaaaa goes on", "'ferry drill show dr-aaaaaaaa'");
        assertThat(said.status()).isEqualTo(Errors.meaning(ErrorCode.DEADLINE_EXCEEDED).getExitStatus());
    }

    private static final class Drills extends FerryGrpc.FerryImplBase {
        private Drill one = Drill.getDefaultInstance();

        @Override
        public void drillRestore(DrillRestoreRequest request, StreamObserver<Drill> to) {
            to.onNext(one);
            to.onCompleted();
        }

        @Override
        public void getDrill(GetDrillRequest request, StreamObserver<Drill> to) {
            to.onError(ErrorTransport.toStatus(new FerryException(ErrorCode.DEADLINE_EXCEEDED, "Nothing more is known")));
        }

        @Override
        public void listDrills(ListDrillsRequest request, StreamObserver<ListDrillsResponse> to) {
            to.onNext(ListDrillsResponse.newBuilder().addDrills(one).build());
            to.onCompleted();
        }
    }
}
