package dev.ferry.coordinator.access;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Message;
import dev.ferry.coordinator.AnyCall;
import dev.ferry.coordinator.CoordinatorScene;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Role;
import io.grpc.MethodDescriptor;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every cell of the table in docs/security.md, by calls to a real server. Requests are empty: who may call is told that something is missing. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class VerbRulesTest {
    private static final List<Role> ROLES = List.of(Role.ROLE_VIEWER, Role.ROLE_USER, Role.ROLE_OPERATOR, Role.ROLE_ADMIN);

    @TempDir static Path folder;
    private final Map<Role, String> tokens = new EnumMap<>(Role.class);
    private CoordinatorScene scene;

    @BeforeAll
    void open() throws Exception {
        scene = new CoordinatorScene(folder);
        ROLES.forEach(role -> tokens.put(role, scene.token(role, role == Role.ROLE_USER ? "ada" : "")));
    }

    @AfterAll
    void close() {
        scene.close();
    }

    @Test
    void everyCallOfEveryServiceHasARowAndEveryRowItsCall() {
        assertThat(VerbRules.all().stream().map(VerbRule::rpc)).containsExactlyInAnyOrderElementsOf(AnyCall.methods().stream().map(AnyCall::name).toList());
    }

    @Test
    void everyRowNamesAFieldThatItsRequestHas() {
        assertThat(AnyCall.methods())
                .allSatisfy(
                        method -> {
                            VerbRule rule = VerbRules.of(AnyCall.name(method));
                            if (!rule.field().isEmpty()) {
                                assertThat(AnyCall.request(method).getDescriptorForType().findFieldByName(rule.field())).as(rule.rpc()).isNotNull();
                            }
                        });
    }

    static Stream<MethodDescriptor<Message, Message>> byToken() {
        return AnyCall.methods().stream().filter(method -> VerbRules.of(AnyCall.name(method)).door() == Door.TOKEN);
    }

    static Stream<Arguments> cells() {
        return byToken().flatMap(method -> ROLES.stream().map(role -> Arguments.of(AnyCall.name(method), role, method)));
    }

    @ParameterizedTest(name = "{0} as {1}")
    @MethodSource("cells")
    void eachRoleMayDoWhatItsCellSays(String rpc, Role role, MethodDescriptor<Message, Message> method) {
        Optional<ErrorCode> error = AnyCall.call(scene.channel(), Optional.of(tokens.get(role)), method, AnyCall.request(method));
        if (role.getNumber() >= VerbRules.of(rpc).least().getNumber()) {
            assertThat(error.orElse(ErrorCode.INVALID_ARGUMENT)).isNotIn(ErrorCode.FORBIDDEN, ErrorCode.UNAUTHENTICATED, ErrorCode.INTERNAL);
        } else {
            assertThat(error).hasValue(ErrorCode.FORBIDDEN);
        }
    }

    @ParameterizedTest
    @MethodSource("byToken")
    void nobodyIsLetInWithoutAValidToken(MethodDescriptor<Message, Message> method) {
        String real = tokens.get(Role.ROLE_ADMIN);
        String wrong = real.substring(0, real.length() - 2) + (real.endsWith("AA") ? "BB" : "AA");
        for (Optional<String> shown : List.of(Optional.<String>empty(), Optional.of(""), Optional.of("x"), Optional.of(wrong), Optional.of(real + " " + real))) {
            assertThat(AnyCall.call(scene.channel(), shown, method, AnyCall.request(method))).as("%s", shown).hasValue(ErrorCode.UNAUTHENTICATED);
        }
    }
}
