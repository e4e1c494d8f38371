package dev.ferry.node.criu;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The lines of CRIU's log that decide why it refused, and what they mean to a user. */
final class CriuLog {
    private static final int MOST_LINES = 8;
    private static final Pattern ERROR = Pattern.compile("^\\(?[\\d.]*\\)?\\s*(?:pie: \\d+: )?(?:\\d+: )?Error \\(([^)]*)\\): (.*)$");
    // Said on every machine that lacks a capability or a device, and never the cause.
    private static final List<String> HARMLESS = List.of("Can't setup RLIMIT_NOFILE", "Address already assigned", "address already assigned", "Unable to create tun");

    /**
     * A cause that users meet.
     *
     * @param message in which %s is what the expression's first group found
     */
    private record Cause(ErrorCode code, Pattern pattern, String message) {}

    private static final List<Cause> DUMP_CAUSES =
            List.of(
                    new Cause(ErrorCode.DUMP_IO_URING, Pattern.compile("anon_inode:(\\[?io_uring\\]?)"), "The job has an io_uring open (%s)"),
                    new Cause(ErrorCode.DUMP_OPEN_DEVICE, Pattern.compile("Can't dump file \\d+ of that type \\[20\\d+\\] \\((?:chr|blk) (\\S+)"), "The job has the device %s open"),
                    new Cause(ErrorCode.DUMP_OPEN_DEVICE, Pattern.compile("(?:chr|blk) (?:dev )?(\\d+:\\d+)"), "The job has the device %s open"),
                    new Cause(ErrorCode.DUMP_FILE_GONE, Pattern.compile("Can't dump ghost file (\\S+)"), "The deleted file %s, which the job has open, is too large to be saved"),
                    new Cause(ErrorCode.DUMP_FILE_GONE, Pattern.compile("Can't (?:create link remap for|link remap to) (\\S+)"), "The file %s, which the job has open, was removed or replaced"),
                    new Cause(ErrorCode.DUMP_FOREIGN_MOUNT, Pattern.compile("Can't lookup mount=(\\S+)"), "The job has a file of a mount outside its sandbox open (mount %s)"),
                    new Cause(ErrorCode.DUMP_FOREIGN_MOUNT, Pattern.compile("mnt: (?:FS mnt|Mount) (\\S+ .*)$"), "The job has made a mount that can't be saved (%s)"),
                    new Cause(ErrorCode.DUMP_FAILED, Pattern.compile("Unknown socket collected \\(family (\\d+)\\)"), "The job has a socket of address family %s open, which CRIU can't save"),
                    new Cause(ErrorCode.DUMP_FOREIGN_SOCKET, Pattern.compile("(?:unix: )?(External socket is used.*)"), "The job is connected to a unix socket outside its sandbox (%s)"));

    private static final List<Cause> RESTORE_CAUSES =
            List.of(
                    new Cause(ErrorCode.RESTORE_FILE_CHANGED, Pattern.compile("File (\\S+) has bad (?:size|mode|build-ID)"), "The file %s is not what it was when the job was saved"),
                    new Cause(ErrorCode.RESTORE_FILE_CHANGED, Pattern.compile("Can't open file (\\S+)"), "The file %s, which the job has open, can't be opened here"));

    private final List<String> errors;
    private final List<String> all;

    private CriuLog(List<String> errors, List<String> all) {
        this.errors = errors;
        this.all = all;
    }

    /**
     * @param output what criu wrote to its standard output and error
     */
    static CriuLog read(Path log, List<String> output) {
        List<String> lines = new ArrayList<>(output);
        try {
            // Paths in it are bytes, not always UTF-8.
            lines.addAll(Files.readAllLines(log, StandardCharsets.ISO_8859_1));
        } catch (IOException none) {
            lines.add("(CRIU wrote no log: " + none + ")");
        }
        return of(lines);
    }

    static CriuLog of(List<String> lines) {
        List<String> errors = new ArrayList<>();
        for (String line : lines) {
            Matcher error = ERROR.matcher(line);
            if (error.matches() && HARMLESS.stream().noneMatch(line::contains)) {
                errors.add(error.group(2) + " (" + error.group(1) + ")");
            }
        }
        return new CriuLog(errors, lines);
    }

    /** All of them. */
    List<String> lines() {
        return all;
    }

    FerryException dumpFailure(int status) {
        return failure(DUMP_CAUSES, ErrorCode.DUMP_FAILED, "CRIU could not save the job (exit status " + status + ")");
    }

    FerryException restoreFailure(int status) {
        return failure(RESTORE_CAUSES, ErrorCode.RESTORE_FAILED, "CRIU could not restore the job (exit status " + status + ")");
    }

    private FerryException failure(List<Cause> causes, ErrorCode otherwise, String what) {
        List<String> evidence = evidence();
        for (Cause cause : causes) {
            for (String line : errors) {
                Matcher found = cause.pattern().matcher(line);
                if (found.find()) {
                    return new FerryException(cause.code(), String.format(cause.message(), found.group(1)), evidence, null);
                }
            }
        }
        String decisive = errors.isEmpty() ? "" : ": " + errors.getFirst();
        return new FerryException(otherwise, what + decisive, evidence, null);
    }

    /** The lines that decided it. */
    List<String> evidence() {
        if (!errors.isEmpty()) {
            return errors.subList(0, Math.min(MOST_LINES, errors.size()));
        }
        return all.subList(Math.max(0, all.size() - MOST_LINES), all.size());
    }
}
