package dev.ferry.node.gpu;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What /proc tells of a process at one moment, each thing read once; of one that has ended, nothing. Of one thread. */
final class ProcessLook {
    private final Path folder;
    private @Nullable List<String> descriptors;
    private @Nullable Boolean mapsDriver;
    private @Nullable Boolean stopped;

    ProcessLook(int pid) {
        folder = Path.of("/proc", Integer.toString(pid));
    }

    /** Whether the driver's library is in its memory: without it there is no CUDA state. */
    boolean mapsDriver() {
        if (mapsDriver == null) {
            mapsDriver = read("maps").contains("/libcuda.so");
        }
        return mapsDriver;
    }

    String name() {
        return read("comm").trim();
    }

    /** Its pid in the innermost PID namespace. */
    int innerPid() {
        return read("status").lines().filter(line -> line.startsWith("NSpid:")).map(line -> line.substring(line.lastIndexOf('\t') + 1).trim()).findFirst().map(Integer::parseInt).orElse(0);
    }

    /** Whether any of its threads is stopped by a signal or a debugger, so that the driver's thread may not run. */
    boolean isStopped() {
        if (stopped == null) {
            stopped = readStopped();
        }
        return stopped;
    }

    private boolean readStopped() {
        try (DirectoryStream<Path> threads = Files.newDirectoryStream(folder.resolve("task"))) {
            for (Path thread : threads) {
                String stat = Files.readString(thread.resolve("stat"), StandardCharsets.ISO_8859_1);
                int state = stat.lastIndexOf(')') + 2;
                if (state < stat.length() && "Tt".indexOf(stat.charAt(state)) >= 0) {
                    return true;
                }
            }
        } catch (IOException ended) {
            return false;
        }
        return false;
    }

    boolean hasVariable(String name) {
        return ("\0" + read("environ")).contains("\0" + name + "=");
    }

    /** What each of its descriptors leads to. */
    List<String> descriptors() {
        if (descriptors == null) {
            descriptors = readDescriptors();
        }
        return descriptors;
    }

    private List<String> readDescriptors() {
        List<String> targets = new ArrayList<>();
        try (DirectoryStream<Path> there = Files.newDirectoryStream(folder.resolve("fd"))) {
            for (Path descriptor : there) {
                targets.add(Files.readSymbolicLink(descriptor).toString());
            }
        } catch (IOException ended) {
            return targets;
        }
        return targets;
    }

    /** Its open device nodes of GPUs: none when it holds no CUDA state or that is checkpointed. */
    List<String> openGpuDevices() {
        return descriptors().stream().filter(target -> target.matches(".*/nvidia(\\d+|ctl|-uvm|-uvm-tools|-modeset)")).distinct().toList();
    }

    private String read(String file) {
        try {
            return Files.readString(folder.resolve(file), StandardCharsets.ISO_8859_1);
        } catch (IOException ended) {
            return "";
        }
    }
}
