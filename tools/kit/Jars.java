import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.regex.Pattern;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * Writes the jars of a product anew for the kit: Jars FROM TO ARCHITECTURE. Entries are stored, not compressed, as all of the kit is compressed
 * together, which is half as large; native libraries of other systems are left out, and so are jars that only another store or database needs.
 */
final class Jars {
    /** The S3 store and the PostgreSQL database: the kit has a folder and SQLite. */
    private static final Pattern NOT_NEEDED =
            Pattern.compile("(minio|okhttp|okio|kotlin|snappy|simple-xml|postgresql|flyway-database|commons-compress|commons-io|commons-lang3|commons-codec|annotations-|error_prone|j2objc|checker-qual).*");
    private static final Pattern NATIVE = Pattern.compile(".*\\.(so|dll|dylib|jnilib|a|lib)(\\.\\d+)*");
    private static final Pattern OTHER_LIBC = Pattern.compile("(?i).*(musl|android).*");

    private Jars() {}

    public static void main(String[] arguments) throws IOException {
        Path from = Path.of(arguments[0]);
        Path to = Files.createDirectories(Path.of(arguments[1]));
        Pattern here = Pattern.compile("(?i).*linux.*(" + names(arguments[2]) + ").*|.*(" + names(arguments[2]) + ").*linux.*");
        try (DirectoryStream<Path> jars = Files.newDirectoryStream(from, "*.jar")) {
            for (Path jar : jars) {
                if (!NOT_NEEDED.matcher(jar.getFileName().toString()).matches()) {
                    copy(jar, to.resolve(jar.getFileName()), here);
                }
            }
        }
    }

    private static String names(String architecture) {
        return switch (architecture) {
            case "x86_64" -> "x86_64|amd64";
            case "aarch64" -> "aarch64|aarch_64|arm64";
            default -> throw new IllegalArgumentException("no kit is known for " + architecture);
        };
    }

    private static void copy(Path jar, Path to, Pattern here) throws IOException {
        try (ZipFile from = new ZipFile(jar.toFile());
                OutputStream file = Files.newOutputStream(to);
                ZipOutputStream out = new ZipOutputStream(file)) {
            out.setMethod(ZipOutputStream.STORED);
            List<? extends ZipEntry> entries = Collections.list(from.entries());
            for (ZipEntry entry : entries) {
                String name = entry.getName();
                if (entry.isDirectory() || NATIVE.matcher(name).matches() && (!here.matcher(name).matches() || OTHER_LIBC.matcher(name).matches())) {
                    continue;
                }
                byte[] content;
                try (InputStream in = from.getInputStream(entry)) {
                    content = in.readAllBytes();
                }
                ZipEntry stored = new ZipEntry(name);
                CRC32 sum = new CRC32();
                sum.update(content);
                stored.setSize(content.length);
                stored.setCompressedSize(content.length);
                stored.setCrc(sum.getValue());
                stored.setTime(entry.getTime());
                out.putNextEntry(stored);
                out.write(content);
                out.closeEntry();
            }
        }
    }
}
