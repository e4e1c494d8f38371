package dev.ferry.coordinator.upkeep;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Retention;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RetentionRulesTest {
    /** Sequences 1 to 8: two in one hour, hours apart, a day without any, and two on the last day. */
    private static final List<String> TIMES =
            List.of("2026-03-01T10:05:00Z", "2026-03-01T10:55:00Z", "2026-03-01T11:00:00Z", "2026-03-01T23:59:59Z", "2026-03-02T00:00:00Z", "2026-03-04T08:00:00Z", "2026-03-04T08:30:00Z", "2026-03-04T09:00:00Z");

    private static List<Image> images() {
        List<Image> images = new ArrayList<>();
        for (String time : TIMES) {
            int sequence = images.size() + 1;
            images.add(Image.newBuilder().setId("j-a." + sequence).setSequence(sequence).setCreatedAt(Instant.parse(time).toEpochMilli()).build());
        }
        return images;
    }

    /** last, hourly, daily, after success, whether it succeeded, and the sequences that are kept. */
    @ParameterizedTest
    @CsvSource({
        "0, 0, 0, -1, false, 1 2 3 4 5 6 7 8",
        "3, 0, 0, -1, false, 6 7 8",
        "100, 0, 0, -1, false, 1 2 3 4 5 6 7 8",
        "0, 1, 0, -1, false, 8",
        "0, 2, 0, -1, false, 7 8",
        "0, 4, 0, -1, false, 4 5 7 8",
        "0, 99, 0, -1, false, 2 3 4 5 7 8",
        "0, 0, 2, -1, false, 5 8",
        "0, 0, 99, -1, false, 4 5 8",
        "2, 3, 3, -1, false, 4 5 7 8",
        "3, 0, 0, -1, true, 6 7 8",
        "3, 0, 0, 1, false, 6 7 8",
        "3, 0, 0, 1, true, 8",
        "0, 0, 0, 1, true, 8",
        "3, 5, 5, 0, true, ''",
        "0, 0, 0, 0, false, 1 2 3 4 5 6 7 8"
    })
    void keepsWhatAnyRuleKeeps(int last, int hourly, int daily, int afterSuccess, boolean succeeded, String kept) {
        Retention rules = Retention.newBuilder().setLast(last).setHourly(hourly).setDaily(daily).setAfterSuccess(afterSuccess).build();
        List<String> expected = new ArrayList<>(images().stream().map(Image::getId).toList());
        expected.removeAll(Arrays.stream(kept.split(" ")).map(sequence -> "j-a." + sequence).toList());
        assertThat(RetentionRules.expired(rules, images(), succeeded)).containsExactlyElementsOf(expected);
        assertThat(RetentionRules.expired(rules, images().reversed(), succeeded)).containsExactlyElementsOf(expected);
    }

    @Test
    void aRuleThatTheJobDoesNotGiveIsTheCoordinators() {
        Retention defaults = Retention.newBuilder().setLast(3).setHourly(24).setDaily(7).setAfterSuccess(-1).build();
        Retention merged = RetentionRules.merge(Retention.newBuilder().setHourly(0).setAfterSuccess(2).build(), defaults);
        assertThat(merged).isEqualTo(Retention.newBuilder().setLast(3).setHourly(0).setDaily(7).setAfterSuccess(2).build());
    }

    @Test
    void imagesOfAJobThatSucceededWithoutARuleForItAreKeptAsBefore() {
        assertThat(RetentionRules.expired(Retention.newBuilder().setLast(8).build(), images(), true)).isEmpty();
    }
}
