package dev.ferry.node.peers;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PeersConfigTest {
    @ParameterizedTest
    @CsvSource({
        "'', ''",
        "127.0.0.1:0, ''",
        "10.0.0.2:7071, ''",
        "0.0.0.0:7071, node-1.example.org:7071",
        "[::]:7071, '[2001:db8::2]:7071'",
        "0.0.0.0:0, 10.0.0.2:0",
    })
    void whatCanBeReachedIsWell(String listen, String advertise) {
        assertThat(new PeersConfig(listen, advertise).problems(true)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "7071, '', listen: ",
        "10.0.0.2, '', listen: ",
        "10.0.0.2:70710, '', listen: ",
        "unix:///run/x:1, '', listen: ",
        "0.0.0.0:7071, '', advertise: ",
        "[::]:7071, '', advertise: ",
        "0.0.0.0:7071, 0.0.0.0:7071, advertise: ",
        "0.0.0.0:7071, node-1, advertise: ",
        "'', node-1:7071, advertise: ",
    })
    void whatCanNotIsNamed(String listen, String advertise, String key) {
        assertThat(new PeersConfig(listen, advertise).problems(true)).isNotEmpty().allSatisfy(problem -> assertThat(problem).startsWith(key));
    }

    @Test
    void withoutTlsItStaysOnTheMachine() {
        assertThat(new PeersConfig("127.0.0.1:7071", "").problems(false)).isEmpty();
        assertThat(new PeersConfig("[::1]:7071", "").problems(false)).isEmpty();
        assertThat(new PeersConfig("localhost:7071", "").problems(false)).isEmpty();
        assertThat(new PeersConfig("10.0.0.2:7071", "").problems(false)).singleElement().asString().contains("TLS");
        assertThat(new PeersConfig("127.example.org:7071", "").problems(false)).singleElement().asString().contains("TLS");
    }

    @Test
    void aPortThatIsFreeIsTold() {
        assertThat(new PeersConfig("127.0.0.1:0", "").told(4711)).isEqualTo("127.0.0.1:4711");
        assertThat(new PeersConfig("0.0.0.0:0", "[2001:db8::2]:0").told(4711)).isEqualTo("[2001:db8::2]:4711");
        assertThat(new PeersConfig("0.0.0.0:0", "node-1:80").told(4711)).as("a port that leads here").isEqualTo("node-1:80");
    }
}
