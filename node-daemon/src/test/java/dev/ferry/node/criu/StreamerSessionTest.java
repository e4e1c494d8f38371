package dev.ferry.node.criu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.node.posix.DescriptorSocket;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Our side of a conversation with criu, when it goes wrong on our side. */
class StreamerSessionTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    /** A pipe that we hold open and nobody reads would keep criu, and the job that it has stopped, until the deadline. */
    @Test
    void aRequestThatFailsInTheMiddleEndsItsPipe(@TempDir Path folder) throws Exception {
        Path path = folder.resolve("socket");
        StreamerSession session =
                new StreamerSession(path, "test") {
                    @Override
                    void handle(DescriptorSocket socket, String name) throws IOException {
                        int ignored = receive(socket);
                        throw new OutOfMemoryError("unable to create native thread: as if there were no more");
                    }
                };
        session.start();
        String program =
                """
                import os, socket, struct, sys
                s = socket.socket(socket.AF_UNIX)
                s.connect(sys.argv[1])
                s.send(struct.pack('<I', 5) + bytes([10, 3]) + b'abc')
                r, w = os.pipe()
                socket.send_fds(s, [b'x'], [r])
                os.close(r)
                try:
                    while True:
                        os.write(w, bytes(4096))
                except BrokenPipeError:
                    print('broken')
                """;
        Process criu = new ProcessBuilder("timeout", "20", "python3", "-c", program, path.toString()).redirectErrorStream(true).start();
        assertThat(new String(criu.getInputStream().readAllBytes(), StandardCharsets.UTF_8)).isEqualTo("broken\n");
        assertThat(session.finish(SOON)).containsExactly("abc");
        assertThat(session.failure()).isInstanceOf(OutOfMemoryError.class);
        session.close();
    }
}
