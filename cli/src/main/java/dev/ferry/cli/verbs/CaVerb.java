package dev.ferry.cli.verbs;

import dev.ferry.common.tls.Keys;
import dev.ferry.coordinator.access.CertificateAuthority;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code ferry admin ca}. */
@Command(
        name = "ca",
        description = {"The certificate authority by which coordinators and nodes know each other.", "A coordinator makes one of its own at its first start; several coordinators need one that they share."},
        subcommands = CaVerb.Init.class,
        footer = {"", "Example:", "  ferry admin ca init /etc/ferry/pki"})
public final class CaVerb implements Runnable {
    @Spec private CommandSpec spec;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what: ferry admin ca init DIR");
    }

    /** {@code ferry admin ca init}. */
    @Command(
            name = "init",
            description = "Makes an authority in a folder: ca.pem, which everyone may have, and ca.key. Name the folder in each coordinator's configuration, security.pki.",
            footer = {"", "Example:", "  ferry admin ca init /etc/ferry/pki"})
    public static final class Init implements Callable<Integer> {
        @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
        private boolean help;

        @Parameters(paramLabel = "DIR", description = "Folder, which is made if it is not there.")
        private Path folder = Path.of("");

        @Override
        public Integer call() throws Exception {
            CertificateAuthority authority = CertificateAuthority.create(folder.toAbsolutePath());
            System.out.println(folder.toAbsolutePath().resolve(CertificateAuthority.CERTIFICATE) + " sha256 " + Keys.fingerprint(authority.certificate()));
            return 0;
        }
    }
}
