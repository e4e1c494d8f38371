package dev.ferry.node.sandbox;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;

/** The programs ferry-init, ferry-network, ferry-watchdog, ferry-gpu and ferry-gpu-check, and libferry-clock.so and libferry-pages.so, built with the daemon and carried in its jar. */
public final class NativeHelper {
    private NativeHelper() {}

    /** Puts ferry-init at a path, executable, whole or not at all. */
    public static void install(Path at) throws IOException {
        install("ferry-init", at);
    }

    /** Puts ferry-network at a path, executable, whole or not at all. */
    public static void installNetworkScript(Path at) throws IOException {
        install("ferry-network", at);
    }

    /** Puts ferry-gpu at a path, executable, whole or not at all; one that runs from there is not disturbed. */
    public static void installGpuHelper(Path at) throws IOException {
        install("ferry-gpu", at);
    }

    /** Puts ferry-gpu-check, with which machines with GPUs are checked, at a path, executable, whole or not at all. */
    public static void installGpuCheck(Path at) throws IOException {
        install("ferry-gpu-check", at);
    }

    /** Puts ferry-watchdog at a path, executable, whole or not at all; one that runs from there is not disturbed. */
    public static void installWatchdog(Path at) throws IOException {
        install("ferry-watchdog", at);
    }

    /** Puts libferry-clock.so, by which a trial moves the wall clock of a process, at a path, whole or not at all. */
    public static void installClock(Path at) throws IOException {
        install("libferry-clock.so", at);
    }

    /** Puts libferry-pages.so, by which criu fills huge pages, at a path, whole or not at all. */
    public static void installPages(Path at) throws IOException {
        install("libferry-pages.so", at);
    }

    private static void install(String name, Path at) throws IOException {
        Path temporary = at.resolveSibling(at.getFileName() + ".new");
        try (InputStream program = NativeHelper.class.getResourceAsStream("/native/" + name)) {
            if (program == null) {
                throw new IOException(name + " is not in this build; build it again with gcc installed");
            }
            Files.copy(program, temporary, StandardCopyOption.REPLACE_EXISTING);
        }
        Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.move(temporary, at, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
}
