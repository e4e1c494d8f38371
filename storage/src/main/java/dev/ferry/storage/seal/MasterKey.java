package dev.ferry.storage.seal;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/**
 * The key that wraps tenants' keys: 256 random bits, written as base64 on one line. It lies in no store.
 *
 * @param id says which key it is and nothing about it
 */
public record MasterKey(String id, SecretKey wrapping) {
    private static final int BYTES = 32;
    private static final Duration COMMAND = Duration.ofSeconds(30);

    private static MasterKey of(byte[] key) {
        SecretKey root = new SecretKeySpec(key, Crypto.HMAC);
        byte[] id = Crypto.hmac(root, "ferry master key id".getBytes(StandardCharsets.US_ASCII));
        byte[] wrapping = Crypto.hmac(root, "ferry master key wrapping".getBytes(StandardCharsets.US_ASCII));
        return new MasterKey(HexFormat.of().formatHex(id, 0, 8), new SecretKeySpec(wrapping, Crypto.AES));
    }

    /**
     * @param origin for messages
     * @throws FerryException CONFIG_INVALID
     */
    static MasterKey parse(String text, String origin) {
        try {
            byte[] key = Base64.getDecoder().decode(text.trim());
            if (key.length == BYTES) {
                return of(key);
            }
        } catch (IllegalArgumentException notBase64) {
            // Said below, without the text: it may be a key.
        }
        throw new FerryException(ErrorCode.CONFIG_INVALID, origin + " does not hold a master key: 32 bytes as base64 on one line; `ferry store keys generate FILE` makes one");
    }

    /**
     * @throws FerryException CONFIG_INVALID
     */
    public static MasterKey ofFile(Path file) {
        try {
            return parse(Files.readString(file), file.toString());
        } catch (IOException unreadable) {
            throw new FerryException(ErrorCode.CONFIG_INVALID, "The master key " + file + " can't be read: " + unreadable, unreadable);
        }
    }

    /**
     * Asks a program, for example one of a key service, which prints the key.
     *
     * @param command for /bin/sh
     * @throws FerryException CONFIG_INVALID when it fails or takes more than 30 s
     */
    public static MasterKey ofCommand(String command) {
        return ofCommand(command, COMMAND);
    }

    static MasterKey ofCommand(String command, Duration atMost) {
        AtomicBoolean late = new AtomicBoolean();
        try {
            Process process = new ProcessBuilder("/bin/sh", "-c", command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
            process.getOutputStream().close();
            var killer = Thread.ofVirtual().start(() -> killLate(process, atMost, late));
            String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
            int status = process.waitFor();
            killer.interrupt();
            killer.join();
            if (late.get()) {
                throw new FerryException(ErrorCode.CONFIG_INVALID, "The command for the master key, '" + command + "', did not answer within " + atMost.toSeconds() + " s");
            }
            if (status != 0) {
                throw new FerryException(ErrorCode.CONFIG_INVALID, "The command for the master key, '" + command + "', ended with status " + status);
            }
            return parse(text, "The output of '" + command + "'");
        } catch (IOException failed) {
            throw new FerryException(ErrorCode.CONFIG_INVALID, "The command for the master key, '" + command + "', can't be run: " + failed, failed);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new FerryException(ErrorCode.CANCELLED, "The command for the master key was interrupted", interrupted);
        }
    }

    /** With what it has started, which has its output open and would be read for ever: first, for nobody knows whose they were when the shell is gone. */
    private static void killLate(Process process, Duration atMost, AtomicBoolean late) {
        try {
            if (!process.waitFor(atMost)) {
                late.set(true);
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly();
            }
        } catch (InterruptedException ended) {
            // It has ended in time.
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Makes a new key in a new file that only its owner can read.
     *
     * @throws FerryException CONFIG_INVALID when the file can't be made or is there
     */
    public static MasterKey generate(Path file) {
        byte[] key = new byte[BYTES];
        new SecureRandom().nextBytes(key);
        String text = Base64.getEncoder().encodeToString(key) + "\n";
        try {
            Path made = Files.createFile(file, PosixFilePermissions.asFileAttribute(Set.copyOf(PosixFilePermissions.fromString("rw-------"))));
            Files.writeString(made, text, StandardOpenOption.WRITE, StandardOpenOption.SYNC);
            return of(key);
        } catch (IOException failed) {
            throw new FerryException(ErrorCode.CONFIG_INVALID, "A master key can't be written to " + file + ": " + failed, failed);
        } finally {
            Arrays.fill(key, (byte) 0);
        }
    }

    /** Without the key. */
    @Override
    public String toString() {
        return "master key " + id;
    }
}
