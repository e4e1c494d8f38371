import java.io.IOException;
import java.io.OutputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collections;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * Makes of the jars of a folder what the JVM's AOT cache takes.
 *
 * <p>It archives no class that only its old verifier can check: classes of a version before 50 are brought to a newer one. Picocli is compiled so, and every command begins with it. The code stays
 * the same; what the new verifier wants, the stack map frames, is computed. A class that does not verify afterwards is left as it was.
 *
 * <p>It archives no class of a signed jar either, and the JVM checks the digest of each such class whenever it is loaded: the signatures of Bouncy Castle's jars, which nobody asks for, are left out.
 *
 * <p>Called by Maven after it copied the libraries: {@code java CacheableJars.java FOLDER}.
 * In the end it makes the file {@code complete} there: the launcher takes a folder without it for what a build left that was broken off.
 */
final class CacheableJars {
    /** The first version whose classes the cache takes. */
    private static final int ARCHIVED = 50;

    /** Java 8: the oldest that libraries are compiled to today. */
    private static final int TARGET = 52;

    /** Where the two bytes of the major version end. */
    private static final int VERSION_END = 8;

    /** As the JAR file specification names them. */
    private static final Pattern SIGNATURE = Pattern.compile("META-INF/(SIG-[^/]*|[^/]*\\.(SF|DSA|RSA|EC))", Pattern.CASE_INSENSITIVE);

    private static final Pattern EMPTY_LINE = Pattern.compile("\r?\n\r?\n");

    private CacheableJars() {}

    public static void main(String[] arguments) throws IOException {
        try (DirectoryStream<Path> jars = Files.newDirectoryStream(Path.of(arguments[0]), "*.jar")) {
            for (Path jar : jars) {
                int old = old(jar);
                boolean signed = isSigned(jar);
                if (old > 0 || signed) {
                    System.out.println(jar.getFileName() + ": " + rewrite(jar, signed) + " of " + old + " old classes brought to version " + TARGET + (signed ? ", signatures left out" : ""));
                }
            }
        }
        Files.write(Path.of(arguments[0], "complete"), new byte[0]);
    }

    private static int old(Path jar) throws IOException {
        int count = 0;
        try (ZipFile zip = new ZipFile(jar.toFile())) {
            for (ZipEntry entry : Collections.list(zip.entries())) {
                // Only as much as the version needs: most jars are left as they are.
                count += entry.getName().endsWith(".class") && isOld(entry, beginning(zip, entry)) ? 1 : 0;
            }
        }
        return count;
    }

    private static boolean isSigned(Path jar) throws IOException {
        try (ZipFile zip = new ZipFile(jar.toFile())) {
            return zip.stream().anyMatch(CacheableJars::isSignature);
        }
    }

    private static boolean isSignature(ZipEntry entry) {
        return SIGNATURE.matcher(entry.getName()).matches();
    }

    /** The jar's manifest has a section with a digest for each signed file; the main one, up to the first empty line, stays. */
    private static byte[] mainSection(byte[] manifest) {
        String text = new String(manifest, StandardCharsets.UTF_8);
        Matcher end = EMPTY_LINE.matcher(text);
        return end.find() ? text.substring(0, end.end()).getBytes(StandardCharsets.UTF_8) : manifest;
    }

    private static byte[] beginning(ZipFile zip, ZipEntry entry) throws IOException {
        try (var in = zip.getInputStream(entry)) {
            return in.readNBytes(VERSION_END);
        }
    }

    private static byte[] read(ZipFile zip, ZipEntry entry) throws IOException {
        try (var in = zip.getInputStream(entry)) {
            return in.readAllBytes();
        }
    }

    /** By the major version, the last two of a class file's first eight bytes. */
    private static boolean isOld(ZipEntry entry, byte[] bytes) {
        return entry.getName().endsWith(".class") && bytes.length >= VERSION_END && ((bytes[6] & 0xff) << 8 | bytes[7] & 0xff) < ARCHIVED;
    }

    private static int rewrite(Path jar, boolean signed) throws IOException {
        Path fresh = jar.resolveSibling(jar.getFileName() + ".new");
        int rewritten = 0;
        try (ZipFile zip = new ZipFile(jar.toFile()); OutputStream file = Files.newOutputStream(fresh); ZipOutputStream out = new ZipOutputStream(file); URLClassLoader neighbours = neighbours(jar)) {
            ClassFile format = ClassFile.of(
                    ClassFile.StackMapsOption.GENERATE_STACK_MAPS,
                    ClassFile.ClassHierarchyResolverOption.of(ClassHierarchyResolver.ofResourceParsing(neighbours).orElse(ClassHierarchyResolver.defaultResolver())));
            for (ZipEntry entry : Collections.list(zip.entries())) {
                if (isSignature(entry)) {
                    continue;
                }
                byte[] before = read(zip, entry);
                byte[] after = before;
                if (isOld(entry, before)) {
                    after = newer(format, before);
                    rewritten += before == after ? 0 : 1;
                } else if (signed && entry.getName().equals(JarFile.MANIFEST_NAME)) {
                    after = mainSection(before);
                }
                ZipEntry copy = new ZipEntry(entry.getName());
                copy.setTime(entry.getTime());
                out.putNextEntry(copy);
                out.write(after);
                out.closeEntry();
            }
        }
        Files.move(fresh, jar, StandardCopyOption.REPLACE_EXISTING);
        return rewritten;
    }

    /** A class's frames need to know the classes it names: its own jar's, and those of the jars beside it. */
    private static URLClassLoader neighbours(Path jar) throws IOException {
        try (var files = Files.list(jar.toAbsolutePath().getParent())) {
            return new URLClassLoader(files.filter(file -> file.toString().endsWith(".jar")).map(CacheableJars::url).toArray(URL[]::new));
        }
    }

    private static URL url(Path file) {
        try {
            return file.toUri().toURL();
        } catch (MalformedURLException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static byte[] newer(ClassFile format, byte[] bytes) {
        ClassModel model = format.parse(bytes);
        // The bodies are transformed, by nothing, so that they are written anew, with frames, and not copied.
        ClassTransform anew = ClassTransform.transformingMethodBodies((code, element) -> code.with(element));
        byte[] result = format.transformClass(model, anew.andThen(ClassTransform.endHandler(written -> written.withVersion(TARGET, 0))));
        return format.verify(result).isEmpty() ? result : bytes;
    }
}
