package dev.ferry.node.emulator;

/** Whose metadata server is played. */
public enum Cloud {
    AWS,
    GCP,
    AZURE
}
