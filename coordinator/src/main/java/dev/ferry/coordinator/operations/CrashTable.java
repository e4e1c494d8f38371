package dev.ferry.coordinator.operations;

import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.OperationKind;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.function.Function;

/**
 * What a crash of each part at each step of each operation leads to. No cell is written by hand: {@link CrashWalk} leads an operation
 * to the step through the state machine that is in use, tells it what the crash makes it hear, and reads how it goes on.
 */
public final class CrashTable {
    private CrashTable() {}

    /** A machine and a step of it: a row. */
    public record Row(String title, Plan plan, StepName step) {
        /** Whether it is of a migration whose memory is copied ahead. */
        public boolean live() {
            return plan == Plan.live();
        }

        /** How many GPUs the job has: what has none can't be parked. */
        public int gpus() {
            return plan.kind() == OperationKind.PARK || plan.kind() == OperationKind.UNPARK ? 1 : 0;
        }
    }

    /** A row and a crash. */
    public record Cell(Row row, Crash crash) {
        /** Names the cell's test. */
        @Override
        public String toString() {
            return row.title() + "/" + row.step() + "/" + crash;
        }
    }

    /** A step on the way to another one, and how it ends for that. */
    public record Leg(StepName step, boolean done) {}

    /** Every step of every machine. */
    public static List<Row> rows() {
        List<Row> rows = new ArrayList<>();
        for (OperationKind kind : OperationKind.values()) {
            if (kind != OperationKind.UNRECOGNIZED && kind != OperationKind.OPERATION_KIND_UNSPECIFIED) {
                Plan plan = Plan.of(kind);
                plan.steps().forEach(step -> rows.add(new Row(kind.name(), plan, step)));
            }
        }
        Plan.live().steps().forEach(step -> rows.add(new Row("MIGRATE, live", Plan.live(), step)));
        return rows;
    }

    /** Every cell, also those in which nothing can happen. */
    public static List<Cell> cells() {
        return rows().stream().flatMap(row -> List.of(Crash.values()).stream().map(crash -> new Cell(row, crash))).toList();
    }

    /** Why there is no such crash at a step; empty: there is. */
    public static Optional<String> whyNot(Cell cell) {
        StepName step = cell.row().step();
        if (!NodeSteps.isOfANode(step)) {
            return cell.crash().isOfTheCoordinator() ? Optional.empty() : Optional.of("no node does it");
        }
        boolean inNoJournal = DaemonRestart.inTheMiddle(step) == DaemonRestart.AGAIN && (cell.crash() == Crash.DAEMON_MIDDLE || cell.crash() == Crash.DAEMON_UNHEARD);
        if (inNoJournal) {
            return Optional.of("in no journal");
        }
        return cell.crash() == Crash.SILENCE && !OperationMachine.hasPatience(step) ? Optional.of("no deadline: only a receipt or a proof ends it") : Optional.empty();
    }

    /**
     * The one continuation of an operation.
     *
     * @param empty a transaction in an empty store, whose writes are of no use afterwards
     */
    public static Continuation continuation(Transaction empty, Cell cell) {
        return new CrashWalk(empty, cell).run();
    }

    /** How to come to a step: with as few failures as can be, and then with as few steps. */
    public static List<Leg> wayTo(Row row) {
        PriorityQueue<List<Leg>> open = new PriorityQueue<>(Comparator.comparingLong((List<Leg> way) -> way.stream().filter(leg -> !leg.done()).count()).thenComparingInt(List::size));
        open.add(List.of());
        Set<StepName> seen = new HashSet<>();
        for (List<Leg> way = open.poll(); way != null; way = open.poll()) {
            StepName at = way.isEmpty() ? row.plan().first() : after(row, way.getLast());
            if (at == row.step()) {
                return way;
            }
            if (seen.add(at)) {
                for (boolean done : new boolean[] {true, false}) {
                    // What the coordinator does itself fails by what it finds, not because somebody says so.
                    boolean possible = (done || NodeSteps.isOfANode(at)) && row.plan().after(at, done) instanceof Plan.Next.Go;
                    if (possible) {
                        List<Leg> longer = new ArrayList<>(way);
                        longer.add(new Leg(at, done));
                        open.add(List.copyOf(longer));
                    }
                }
            }
        }
        throw new IllegalArgumentException("no way to " + row);
    }

    private static StepName after(Row row, Leg leg) {
        return ((Plan.Next.Go) row.plan().after(leg.step(), leg.done())).step();
    }

    /**
     * The table, for docs/.
     *
     * @param continuations how the operation of each cell goes on that can happen
     */
    public static String markdown(Function<Cell, Continuation> continuations) {
        StringBuilder text = new StringBuilder();
        String title = "";
        for (Row row : rows()) {
            if (!row.title().equals(title)) {
                title = row.title();
                text.append("\n#### Crashes in ").append(title).append("\n\n| step");
                List.of(Crash.values()).forEach(crash -> text.append(" | ").append(crash.when()));
                text.append(" |\n").append("| --- ".repeat(1 + Crash.values().length)).append("|\n");
            }
            text.append("| ").append(row.step());
            for (Crash crash : Crash.values()) {
                Cell cell = new Cell(row, crash);
                text.append(" | ").append(whyNot(cell).map(why -> "- (" + why + ")").orElseGet(() -> continuations.apply(cell).toString()));
            }
            text.append(" |\n");
        }
        return text.toString();
    }
}
