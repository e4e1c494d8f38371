package dev.ferry.common;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorMeaning;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ErrorsTest {
    @ParameterizedTest
    @EnumSource(value = ErrorCode.class, mode = EnumSource.Mode.EXCLUDE, names = "UNRECOGNIZED")
    void everyCodeHasItsMeaningForEveryCaller(ErrorCode code) {
        ErrorMeaning meaning = Errors.meaning(code);
        assertThat(meaning.getExitStatus()).isBetween(1, 255);
        assertThat(meaning.getHttpStatus()).isBetween(400, 599);
        assertThat(meaning.getGrpcStatus()).isNotEmpty();
        assertThat(meaning.getMeaning()).endsWith(".");
        assertThat(meaning.getAdvice()).endsWith(".");
    }
}
