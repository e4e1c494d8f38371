package dev.ferry.node.notices;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KubernetesConfigTest {
    private static List<String> problems(String endpoint) {
        return new KubernetesConfig("worker-1", endpoint, "/token", "", List.of()).problems();
    }

    @Test
    void theDefaultsAreInOrder() {
        assertThat(KubernetesConfig.defaults().problems()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"https://kubernetes.default.svc", "https://10.0.0.1:6443", "http://127.0.0.1:8001", "http://[::1]:8001", "http://localhost:8001"})
    void whatNobodyOnTheWayCanReadMayBeNamed(String endpoint) {
        assertThat(problems(endpoint)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"http://kubernetes.default.svc", "http://10.0.0.1:8080", "http://127.0.0.1.example.org", "kubernetes.default.svc", "", "https://", "ftp://127.0.0.1", "https://a b"})
    void aTokenIsNotShownWhereOthersCanReadIt(String endpoint) {
        assertThat(problems(endpoint)).singleElement().asString().startsWith("endpoint: ");
    }
}
