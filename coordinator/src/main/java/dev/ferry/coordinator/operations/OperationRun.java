package dev.ferry.coordinator.operations;

import dev.ferry.common.Scheduler;
import dev.ferry.common.Strand;
import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.proto.v1.Operation;
import java.time.Duration;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One operation that is driven: its events, one after the other, its open order and the timer of its answer.
 * All that must outlive this process is in the store; {@link OperationMachine} writes it.
 */
final class OperationRun {
    private static final Duration GIVEN_BACK = Duration.ofSeconds(30);
    private static final Logger LOG = LoggerFactory.getLogger(OperationRun.class);

    private final String id;
    private final OperationEngine engine;
    private final Strand strand;
    private Optional<Ordered> ordered = Optional.empty();
    /** Orders whose answer is here and not yet written, because the database failed: they are not silent. */
    private final Set<String> answered = new HashSet<>();
    private boolean announced;
    /** Whether an event that failed may be written all the same. */
    private boolean written;
    private long changesBefore;
    private Duration pause = Pauses.FIRST;

    private record Ordered(CommandDesk.Open order, Scheduler.Timer patience) {
        String command() {
            return order.command().getId();
        }
    }

    OperationRun(String id, OperationEngine engine) {
        this.id = id;
        this.engine = engine;
        strand = new Strand(engine.scheduler());
    }

    String id() {
        return id;
    }

    /** Takes an event; it is dealt with after those that came before it. */
    void tell(Event event) {
        strand.execute(() -> take(event));
    }

    private void take(Event event) {
        if (engine.isClosed()) {
            return;
        }
        if (event instanceof Event.Silence silence && answered.contains(silence.command())) {
            return;
        }
        if (event instanceof Event.Answer answer) {
            answered.add(answer.result().getId());
        }
        Event now = event;
        try {
            Next next = write(now);
            while (next instanceof Next.Go go) {
                now = go.event();
                next = write(now);
            }
            act(next);
        } catch (RuntimeException | Error failed) {
            if (!engine.isClosed()) {
                tryAgain(now, failed);
            }
        }
    }

    private Next write(Event event) {
        changesBefore = engine.waitingRoom().changes();
        Next next = engine.apply(id, event);
        pause = Pauses.FIRST;
        if (written) {
            written = false;
            tell(new Event.Look());
        }
        settle(event);
        if (event instanceof Event.Answer answer) {
            answered.remove(answer.result().getId());
            if (next instanceof Next.Nothing || next instanceof Next.Ended) {
                engine.desk().lastWord(answer.node(), answer.result());
            }
        }
        return next;
    }

    /**
     * A database that fails ends nothing: what could not be written is written when it works again. What was written and not answered is of a
     * step that is over by then, so once the database answers, whatever step is open then is looked at as well.
     */
    private void tryAgain(Event event, Throwable failed) {
        LOG.error("operation {} can't be driven now; it stays open and is tried again in {} s", id, pause.toSeconds(), failed);
        written = true;
        Scheduler.Timer ignored = engine.scheduler().after(pause, () -> tell(event));
        pause = Pauses.after(pause);
    }

    /** An event that is written down: the order that it ends is over, and its node may forget the result. */
    private void settle(Event event) {
        switch (event) {
            case Event.Answer answer ->
                    ordered.filter(one -> one.command().equals(answer.result().getId()))
                            .ifPresent(
                                    one -> {
                                        drop();
                                        engine.desk().acknowledge(one.order().node(), one.command());
                                    });
            case Event.Silence silence -> ordered.filter(one -> one.command().equals(silence.command())).ifPresent(one -> drop());
            case Event.Look look -> {}
            case Event.NodeChanged changed -> {}
        }
    }

    private void act(Next next) {
        if (!(next instanceof Next.Wait)) {
            engine.waitingRoom().leave(id);
        }
        switch (next) {
            case Next.Order order -> order(order);
            case Next.Wait wait -> engine.waitingRoom().enter(id, changesBefore);
            case Next.Ended ended -> {
                end();
                if (!announced) {
                    announced = true;
                    engine.announce(ended.operation());
                    giveBack(ended.operation());
                }
            }
            case Next.Nothing nothing -> {}
            case Next.Go go -> throw new IllegalStateException("an event was passed over: " + go);
        }
    }

    private void order(Next.Order next) {
        if (ordered.filter(one -> one.command().equals(next.command().getId())).isPresent()) {
            return;
        }
        drop();
        String command = next.command().getId();
        CommandDesk.Open order =
                engine.desk().order(next.node(), next.command(), () -> engine.isOpenStep(command), result -> tell(new Event.Answer(next.node(), result)), told -> engine.progressed(id, told));
        Scheduler.Timer patience =
                next.patience().map(time -> engine.scheduler().after(time, () -> tell(new Event.Silence(command, time)))).orElse(() -> {});
        ordered = Optional.of(new Ordered(order, patience));
        engine.ordered(next.node(), this);
        // What became of the node between the transaction and this line.
        tell(new Event.NodeChanged(next.node()));
    }

    /** Memory that was filled where the job did not come to: its node would give it back by itself, but only after some minutes. */
    private void giveBack(Operation ended) {
        NodeSteps.giveBack(ended)
                .forEach(
                        (node, command) -> {
                            CommandDesk.Open order = engine.desk().order(node, command, () -> true, result -> engine.desk().acknowledge(node, result.getId()), told -> {});
                            Scheduler.Timer ignored = engine.scheduler().after(GIVEN_BACK, () -> engine.desk().drop(order));
                        });
    }

    private void drop() {
        ordered.ifPresent(
                one -> {
                    one.patience().cancel();
                    engine.desk().drop(one.order());
                    engine.answered(one.order().node(), this);
                });
        ordered = Optional.empty();
    }

    private void end() {
        drop();
        engine.ended(id);
    }

    /** No order is awaited any more. */
    void stop() {
        strand.execute(this::drop);
    }
}
