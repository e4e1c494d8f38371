package dev.ferry.node.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SeccompProfileTest {
    private static final int EPERM = 1;
    private static final int ENOSYS = 38;

    /** Each by a rule of its own: a program may ask for one of them alone. */
    @Test
    void cloneMakesNoNamespaces() {
        JsonNode profile = new ObjectMapper().valueToTree(SeccompProfile.toOci());
        List<Long> flags = new ArrayList<>();
        for (JsonNode rule : profile.get("syscalls")) {
            List<String> names = new ObjectMapper().convertValue(rule.get("names"), new com.fasterxml.jackson.core.type.TypeReference<>() {});
            if (names.contains("clone")) {
                assertThat(names).containsExactly("clone");
                assertThat(rule.get("errnoRet").asInt()).isEqualTo(EPERM);
                assertThat(rule.get("args")).hasSize(1);
                JsonNode argument = rule.get("args").get(0);
                assertThat(argument.get("index").asInt()).isZero();
                assertThat(argument.get("op").asText()).isEqualTo("SCMP_CMP_MASKED_EQ");
                assertThat(argument.get("value")).isEqualTo(argument.get("valueTwo"));
                flags.add(argument.get("value").asLong());
            }
            if (names.contains("clone3")) {
                assertThat(rule.get("errnoRet").asInt()).isEqualTo(ENOSYS);
            }
        }
        assertThat(flags).containsExactlyInAnyOrder(0x00020000L, 0x02000000L, 0x04000000L, 0x08000000L, 0x10000000L, 0x20000000L, 0x40000000L);
        assertThat(profile.toString()).contains("clone3");
    }
}
