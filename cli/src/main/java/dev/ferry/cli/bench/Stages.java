package dev.ferry.cli.bench;

import com.github.luben.zstd.Zstd;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Map;
import java.util.TreeMap;

/** The CPU time of a daemon by the work that its threads do, and how fast the libraries behind them are by themselves. */
final class Stages {
    private static final long TICKS = 100;
    private static final long NANOS = 500_000_000;

    private Stages() {}

    /** CPU seconds of a process so far, by stage; threads that have ended count as the rest. */
    static Map<String, Double> of(long pid) throws IOException {
        Map<String, Double> stages = new TreeMap<>();
        double named = 0;
        Path proc = Path.of("/proc", Long.toString(pid));
        try (DirectoryStream<Path> threads = Files.newDirectoryStream(proc.resolve("task"))) {
            for (Path thread : threads) {
                try {
                    String stage = stage(Files.readString(thread.resolve("comm")).trim());
                    double seconds = seconds(Files.readString(thread.resolve("stat")));
                    if (!stage.isEmpty()) {
                        stages.merge(stage, seconds, Double::sum);
                        named += seconds;
                    }
                } catch (IOException ended) {
                    // Its time is in the process's own.
                }
            }
        }
        stages.put("read pipes and all else", seconds(Files.readString(proc.resolve("stat"))) - named);
        return stages;
    }

    private static String stage(String thread) {
        if (thread.startsWith("job ")) {
            // Before the freeze: fresh pages of the spool's file, once for each that was never used.
            return "make room in the spool";
        }
        return switch (thread) {
            case "cut" -> "cut";
            case "chunks" -> "hash and compress";
            case "upload" -> "send";
            default -> "";
        };
    }

    private static double seconds(String stat) {
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        return (double) (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / TICKS;
    }

    /** Seconds of one core for a GiB by SHA-256 as the JDK has it. */
    static double sha256() {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
        return perGibibyte(content -> digest.digest(content));
    }

    /** Seconds of one core for a GiB by zstd at level 1, of content of which half can't be compressed. */
    static double zstd() {
        return perGibibyte(content -> Zstd.compress(content, 1));
    }

    private interface Work {
        byte[] on(byte[] content);
    }

    private static double perGibibyte(Work work) {
        byte[] content = new byte[256 << 10];
        new java.util.Random(1).nextBytes(content);
        for (int i = content.length / 2; i < content.length; i++) {
            content[i] = (byte) ("the quick brown fox jumps over the lazy dog ".charAt(i % 44));
        }
        double best = Double.MAX_VALUE;
        // The first rounds also compile.
        for (int round = 0; round < 3; round++) {
            long begin = System.nanoTime();
            long bytes = 0;
            long kept = 0;
            while (System.nanoTime() - begin < NANOS) {
                kept += work.on(content).length;
                bytes += content.length;
            }
            if (kept > 0) {
                best = Math.min(best, (System.nanoTime() - begin) / 1e9 * (1L << 30) / bytes);
            }
        }
        return best;
    }
}
