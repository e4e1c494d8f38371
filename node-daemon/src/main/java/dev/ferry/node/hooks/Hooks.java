package dev.ferry.node.hooks;

import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The hooks of a node. Those of one event are called one after the other, in the order of the configuration. A hook holds nothing of a job
 * and changes nothing of its record: a daemon that is killed while one runs goes on as if it had been killed just before. Safe for threads.
 */
public final class Hooks implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Hooks.class);

    private final List<HookConfig> all;
    private final HookProgram programs;
    private final HookPost posts = new HookPost();

    /** Is told how long each call took. */
    public interface Watch {
        /** @param phase name of the call in the operation's record */
        void called(String phase, long nanos);
    }

    private Hooks(List<HookConfig> all, HookProgram programs) {
        this.all = List.copyOf(all);
        this.programs = programs;
    }

    /**
     * @param cgroup of the node's jobs; hooks get one beside it, which the end of the lease does not freeze
     * @param folder for what hooks read and write; emptied
     */
    public static Hooks open(List<HookConfig> all, CgroupLayout layout, String cgroup, Path folder) throws IOException {
        return new Hooks(all, HookProgram.open(layout, cgroup + ".hooks", folder));
    }

    /**
     * Calls the hooks of an event before which something can still be left undone.
     *
     * @param left no call takes longer, whatever its own time
     * @throws FerryException HOOK_REFUSED with what the hook said last, when one failed that may refuse; the ones after it are not called
     */
    public void ask(HookEvent event, HookFacts facts, Duration left, Watch watch) throws InterruptedException {
        for (HookConfig hook : of(event)) {
            HookAnswer answer = call(hook, facts, left, watch);
            if (!answer.isWell() && hook.refuses()) {
                throw new FerryException(ErrorCode.HOOK_REFUSED, "The hook " + hook.what() + " (" + event.word() + ") of node " + facts.values().get("node") + " " + answer.trouble());
            }
        }
    }

    /** Calls the hooks of an event; what they say changes nothing. */
    public void tell(HookEvent event, HookFacts facts, Duration left, Watch watch) throws InterruptedException {
        for (HookConfig hook : of(event)) {
            HookAnswer ignored = call(hook, facts, left, watch);
        }
    }

    boolean has(HookEvent event) {
        return !of(event).isEmpty();
    }

    private List<HookConfig> of(HookEvent event) {
        return all.stream().filter(hook -> hook.when() == event).toList();
    }

    private HookAnswer call(HookConfig hook, HookFacts facts, Duration left, Watch watch) throws InterruptedException {
        HookFacts told = facts.with("hook", hook.event());
        Duration atMost = hook.limit().compareTo(left) < 0 ? hook.limit() : left;
        long start = System.nanoTime();
        HookAnswer answer = hook.exec().isEmpty() ? posts.post(hook.url(), told, atMost) : programs.run(hook.exec(), told, atMost);
        // A failed one stands in the record as such, also where nothing follows from it.
        watch.called("hook " + hook.event() + (answer.isWell() ? "" : " failed"), System.nanoTime() - start);
        if (!answer.isWell()) {
            LOG.warn("hook {} ({}) {}: {}", hook.what(), hook.event(), answer.trouble(), Map.copyOf(told.values()));
        }
        return answer;
    }

    @Override
    public void close() {
        posts.close();
    }
}
