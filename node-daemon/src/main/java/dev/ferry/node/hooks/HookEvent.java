package dev.ferry.node.hooks;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** When a hook is called. */
public enum HookEvent {
    /** A job is about to be saved; it runs. */
    BEFORE_DUMP(true),
    /** The job is about to be frozen, to be saved or parked; it runs. */
    BEFORE_FREEZE(true),
    /** The job is frozen. The only one that is called in a freeze, and it makes that longer. */
    AFTER_FREEZE(false),
    /** The job was saved and runs on, or is dead because it lives elsewhere or in the store; or it was not saved, and runs on. */
    AFTER_DUMP(false),
    /** A job is about to be brought back here; nothing of it is here. */
    BEFORE_RESTORE(true),
    /** It runs, or nothing of it is left here. */
    AFTER_RESTORE(false),
    /** The node is about to be emptied. No dump of it begins before the hook has ended; a machine that goes away can't be refused. */
    BEFORE_EVACUATION(false),
    /** Nothing of the evacuation is left to do. */
    AFTER_EVACUATION(false);

    private final boolean mayRefuse;

    HookEvent(boolean mayRefuse) {
        this.mayRefuse = mayRefuse;
    }

    /** Whether what follows can still be left undone. */
    boolean mayRefuse() {
        return mayRefuse;
    }

    /** As configurations and hooks know it. */
    public String word() {
        return name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
    }

    static Optional<HookEvent> of(String word) {
        return Arrays.stream(values()).filter(event -> event.word().equals(word)).findFirst();
    }

    static List<String> words() {
        return Arrays.stream(values()).map(HookEvent::word).toList();
    }
}
