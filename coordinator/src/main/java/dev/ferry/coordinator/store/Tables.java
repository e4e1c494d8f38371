package dev.ferry.coordinator.store;

import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.store.RecordTable.Column;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import java.util.List;

/** The tables with columns of their own. All other records are in one table, see {@link RecordKind}. */
final class Tables {
    static final RecordTable<Job> JOB =
            new RecordTable<>(
                    "job",
                    Job.parser(),
                    List.of(
                            new Column<>("id", Job::getId),
                            new Column<>("name", job -> job.getSpec().getName()),
                            new Column<>("live", job -> JobStates.isEnded(job.getState()) ? 0L : 1L),
                            new Column<>("submitted", Job::getSubmittedAt),
                            new Column<>("ended", JobStates::endedAt)));
    static final RecordTable<Operation> OPERATION =
            new RecordTable<>(
                    "operation",
                    Operation.parser(),
                    List.of(
                            new Column<>("id", Operation::getId),
                            new Column<>("job", Operation::getJob),
                            new Column<>("open", operation -> operation.getState() == OperationState.OPEN ? 1L : 0L),
                            new Column<>("started", Operation::getStartedAt)));
    static final RecordTable<Image> IMAGE =
            new RecordTable<>(
                    "image", Image.parser(), List.of(new Column<>("id", Image::getId), new Column<>("job", Image::getJob), new Column<>("sequence", Image::getSequence)));
    static final RecordTable<Node> NODE = new RecordTable<>("node", Node.parser(), List.of(new Column<>("name", Node::getName)));

    /** In the order in which an export writes them. */
    static final List<RecordTable<?>> ALL = List.of(JOB, OPERATION, IMAGE, NODE);

    private Tables() {}
}
