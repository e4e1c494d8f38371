package dev.ferry.coordinator.scheduling;

import dev.ferry.common.Configs;

/** Configurations for tests. */
public final class SchedulingTexts {
    private SchedulingTexts() {}

    /** The defaults but for some keys, as they would stand in the file. */
    public static SchedulingConfig with(String yaml) {
        return Configs.parse(yaml, "the test", SchedulingConfig.defaults());
    }
}
