package dev.ferry.coordinator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Configs;
import java.util.Set;
import org.junit.jupiter.api.Test;

class GrpcPortsTest {
    private static Set<String> local(String listen, int first) {
        return GrpcPorts.local(Configs.parse(listen, "the test", CoordinatorConfig.defaults()), first);
    }

    @Test
    void aCoordinatorIsFoundAtEachOfItsAddresses() {
        assertThat(local("grpcListen: 127.0.0.1:0", 41000)).containsExactly("127.0.0.1:41000");
        assertThat(local("grpcListen: \"127.0.0.1:7070, 10.0.0.1:7071\"", 7070)).containsExactly("127.0.0.1:7070", "10.0.0.1:7071");
        assertThat(local("grpcListen: \"10.0.0.1:7070\"\nadvertise: ferry.example.org:7070", 7070)).containsExactly("10.0.0.1:7070", "ferry.example.org:7070");
        assertThat(local("grpcListen: \"127.0.0.1:0,10.0.0.1:0\"", 41000)).as("of the later one no port is known").containsExactly("127.0.0.1:41000");
    }

    /** A command line asks 127.0.0.1 when it is told nothing. */
    @Test
    void aWildcardIsLoopbackToo() {
        assertThat(local("grpcListen: 0.0.0.0:0", 41000)).contains("0.0.0.0:41000", "127.0.0.1:41000", "[::1]:41000");
        assertThat(local("grpcListen: \"10.0.0.1:7071,[::]:7070\"", 7071)).contains("10.0.0.1:7071", "[::]:7070", "127.0.0.1:7070", "[::1]:7070");
    }
}
