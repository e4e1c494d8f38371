package dev.ferry.node.jobs;

import dev.ferry.node.hooks.HookEvent;
import dev.ferry.node.hooks.HookFacts;
import dev.ferry.proto.v1.Command;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The operator's hooks, as they are called for one order on one job; each call is a phase of the order. */
final class JobHooks {
    /** The least time for hooks after something; an order's answer is waited for a little longer than its deadline. */
    private static final Duration AFTER = Duration.ofSeconds(5);

    private final LocalJob job;
    private final Command command;
    private final Phases phases;
    private final long end;

    JobHooks(LocalJob job, Command command, Phases phases) {
        this.job = job;
        this.command = command;
        this.phases = phases;
        end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(command.getDeadlineMillis());
    }

    /**
     * Calls the hooks before something that can still be left undone.
     *
     * @throws dev.ferry.common.FerryException HOOK_REFUSED
     */
    void ask(HookEvent event, String image) throws InterruptedException {
        job.context().hooks().ask(event, new HookFacts(facts(image)), left(), this::called);
    }

    /** The job is frozen. */
    void frozen(String image) throws InterruptedException {
        job.context().hooks().tell(HookEvent.AFTER_FREEZE, new HookFacts(facts(image)), left(), this::called);
    }

    /**
     * Calls the hooks after something.
     *
     * @param failure why it was not done; null: it was
     */
    void tell(HookEvent event, String image, @Nullable Throwable failure) throws InterruptedException {
        Map<String, Object> facts = facts(image);
        facts.put("outcome", failure == null ? "done" : "failed");
        if (failure != null) {
            facts.put("error", String.valueOf(failure.getMessage()));
        }
        // Also when the order's time is over: what a hook did before it is to be undone just then.
        Duration most = left().compareTo(AFTER) < 0 ? AFTER : left();
        job.context().hooks().tell(event, new HookFacts(facts), most, this::called);
    }

    /** Does something and calls the hooks after it, however it ended; those of a job that stays frozen are called when it no longer is. */
    void around(HookEvent event, String image, Phases.Act act) throws Exception {
        try {
            act.run();
        } catch (InterruptedException ending) {
            // The daemon ends: the next one finds out what became of it, and tells that.
            throw ending;
        } catch (Exception failed) {
            tell(event, image, failed);
            throw failed;
        }
        if (job.record().getFrozenImage().isEmpty()) {
            tell(event, image, null);
        }
    }

    /** Waits for hooks that go before all dumps of an evacuation. */
    void awaitEvacuation() throws InterruptedException {
        job.context().evacuations().awaitBefore(left(), this::called);
    }

    private void called(String phase, long nanos) {
        phases.record(phase, nanos, 0);
    }

    private Map<String, Object> facts(String image) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("node", job.context().node());
        facts.put("job", job.id());
        facts.put("jobName", job.record().getSpec().getName());
        facts.put("incarnation", command.getIncarnation());
        // <operation>/<step>/<attempt>
        facts.put("operation", command.getId().split("/", 2)[0]);
        facts.put("image", image);
        facts.put("pid", livePid());
        return facts;
    }

    /** 0: it has no process here. */
    private int livePid() {
        try {
            return job.isAlive() ? job.record().getPid() : 0;
        } catch (IOException unreadable) {
            return 0;
        }
    }

    private Duration left() {
        return Duration.ofNanos(Math.max(TimeUnit.MILLISECONDS.toNanos(1), end - System.nanoTime()));
    }
}
