package dev.ferry.node.volumes;

import com.google.protobuf.ByteString;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * File names are bytes, and Java's strings of them may lose some. Its URIs do not: every byte that is
 * not plain is written as %XX.
 */
final class VolumePaths {
    private static final String PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";

    private VolumePaths() {}

    /** Path of a file below a volume, byte by byte; empty for the volume itself. */
    static ByteString relative(Path volume, Path file) {
        if (file.equals(volume)) {
            return ByteString.EMPTY;
        }
        byte[] base = bytes(volume);
        byte[] whole = bytes(file);
        return ByteString.copyFrom(whole, base.length + 1, whole.length - base.length - 1);
    }

    /**
     * The file below a volume.
     *
     * @throws IllegalArgumentException when the path leads out of the volume
     */
    static Path resolve(Path volume, ByteString relative) {
        StringBuilder raw = new StringBuilder();
        for (byte next : relative.toByteArray()) {
            char character = (char) (next & 0xff);
            if (PLAIN.indexOf(character) >= 0) {
                raw.append(character);
            } else {
                raw.append(String.format("%%%02X", (int) character));
            }
        }
        if (raw.isEmpty()) {
            return volume;
        }
        String base = volume.toUri().getRawPath();
        Path file = Path.of(URI.create("file://" + (base.endsWith("/") ? base : base + "/") + raw));
        if (!file.equals(file.normalize()) || !file.startsWith(volume)) {
            throw new IllegalArgumentException("the path '" + relative.toStringUtf8() + "' leads out of its volume");
        }
        return file;
    }

    /** A path as the kernel has it, absolute. */
    static byte[] bytes(Path path) {
        String raw = path.toAbsolutePath().toUri().getRawPath();
        if (raw.length() > 1 && raw.endsWith("/")) {
            raw = raw.substring(0, raw.length() - 1);
        }
        byte[] encoded = raw.getBytes(StandardCharsets.US_ASCII);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(encoded.length);
        for (int at = 0; at < encoded.length; at++) {
            if (encoded[at] == '%') {
                bytes.write(Integer.parseInt(raw, at + 1, at + 3, 16));
                at += 2;
            } else {
                bytes.write(encoded[at]);
            }
        }
        return bytes.toByteArray();
    }
}
