package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A root file system with what every bare Debian and Ubuntu has, and nothing else: bash, coreutils, util-linux, tar and gzip of this machine with their libraries. No Java, no
 * Python, no runc, no CRIU, no nftables, no network tools.
 */
final class BareRoot {
    private static final List<String> PROGRAMS =
            List.of(
                    "sh", "bash", "cat", "chmod", "cp", "cut", "date", "dirname", "dmesg", "env", "find", "flock", "grep", "gzip", "head", "id", "ls", "mkdir", "mktemp", "mount", "mv", "readlink", "rm", "rmdir", "sed",
                    "setsid", "sleep", "sort", "stat", "tail", "tar", "timeout", "touch", "tr", "uname", "umount");
    /** What else the package of the C library holds. */
    private static final List<String> BESIDE_LIBC = List.of("libdl.so.2", "libm.so.6", "libpthread.so.0", "libresolv.so.2", "librt.so.1");

    private static final List<String> FOLDERS = List.of("dev", "etc", "opt", "proc", "root", "run", "sys", "tmp", "usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "var/tmp");
    private static final Pattern LIBRARY = Pattern.compile("(/\\S+) \\(0x");

    private final Path root;

    private BareRoot(Path root) {
        this.root = root;
    }

    static BareRoot make(Path root) throws Exception {
        for (String folder : FOLDERS) {
            Files.createDirectories(root.resolve(folder));
        }
        for (String merged : List.of("bin", "lib", "lib64", "sbin")) {
            Files.createSymbolicLink(root.resolve(merged), Path.of("usr", merged));
        }
        Files.writeString(root.resolve("etc/os-release"), "PRETTY_NAME=\"a bare root\"\n");
        Files.writeString(root.resolve("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
        Files.writeString(root.resolve("etc/group"), "root:x:0:\n");
        BareRoot bare = new BareRoot(root);
        for (String program : PROGRAMS) {
            bare.bring(program);
        }
        return bare;
    }

    private void bring(String name) throws Exception {
        Path program = Stream.of("/usr/bin", "/bin", "/usr/sbin", "/sbin").map(folder -> Path.of(folder, name)).filter(Files::isExecutable).findFirst().orElseThrow(() -> new IOException("this machine has no " + name));
        Files.copy(program.toRealPath(), root.resolve("usr/bin").resolve(name), StandardCopyOption.COPY_ATTRIBUTES);
        Matcher library = LIBRARY.matcher(said(List.of("ldd", program.toString())));
        while (library.find()) {
            Path path = Path.of(library.group(1));
            copy(path);
            if (path.endsWith("libc.so.6")) {
                for (String beside : BESIDE_LIBC) {
                    copy(path.resolveSibling(beside));
                }
            }
        }
    }

    /** To the same path, without the links of a merged /usr. */
    private void copy(Path library) throws IOException {
        Path to = root.resolve(library.toString().replaceFirst("^/(usr/)?", "usr/"));
        if (!Files.exists(to, LinkOption.NOFOLLOW_LINKS)) {
            Files.createDirectories(to.getParent());
            Files.copy(library.toRealPath(), to);
        }
    }

    private static String said(List<String> command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(text).isZero();
        return text;
    }

    Path path(String inside) {
        return root.resolve(inside);
    }

    /**
     * Runs a shell's words in it by chroot, with /proc, /sys and /dev as one mounts them there, in a mount namespace that ends with it.
     *
     * @return exit status
     */
    int run(String words, Path output) throws Exception {
        List<String> command = new ArrayList<>(List.of("unshare", "--mount", "--propagation", "private", "sh", "-c"));
        command.add("mount -t proc proc $0/proc && mount --rbind /sys $0/sys && mount --rbind /dev $0/dev && exec chroot $0 /usr/bin/env -i PATH=/usr/sbin:/usr/bin HOME=/root sh -c \"$1\"");
        command.addAll(List.of(root.toString(), words));
        return new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile()).start().waitFor();
    }
}
