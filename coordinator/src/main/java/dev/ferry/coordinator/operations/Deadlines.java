package dev.ferry.coordinator.operations;

import java.time.Duration;

/** How long nodes may take. */
public record Deadlines(Duration start, Duration dump, Duration restore, Duration kill) {}
