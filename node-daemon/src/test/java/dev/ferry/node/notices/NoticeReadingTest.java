package dev.ferry.node.notices;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.node.notices.Announcement.Deadline;
import dev.ferry.proto.v1.NoticeKind;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is made of the documents that clouds describe, and of those that nobody describes. */
class NoticeReadingTest {
    private static final Instant NOW = Instant.parse("2030-01-01T00:00:00Z");

    @Test
    void amazonsDocumentsAreRead() throws Exception {
        Announcement spot = AwsSource.read(AwsSource.Place.SPOT, "{\"action\": \"terminate\", \"time\": \"2017-09-18T08:22:00Z\"}").getFirst();
        assertThat(spot.kind()).isEqualTo(NoticeKind.FINAL);
        assertThat(spot.deadline()).isEqualTo(new Deadline.At(Instant.parse("2017-09-18T08:22:00Z")));
        Announcement rebalance = AwsSource.read(AwsSource.Place.REBALANCE, "{\"noticeTime\": \"2020-10-27T08:22:00Z\"}").getFirst();
        assertThat(rebalance.kind()).isEqualTo(NoticeKind.ADVISORY);
        assertThat(rebalance.confidence()).isBetween(0.0, 0.99);
        String scheduled =
                "[{\"NotBefore\": \"21 Jan 2019 09:00:43 GMT\", \"Code\": \"system-reboot\", \"Description\": \"scheduled reboot\", \"EventId\": \"instance-event-0d59937288b749b32\", \"NotAfter\": \"21 Jan 2019 09:17:23 GMT\", \"State\": \"active\"},"
                        + "{\"NotBefore\": \"21 Jan 2019 09:00:43 GMT\", \"Code\": \"system-reboot\", \"Description\": \"[Canceled] scheduled reboot\", \"EventId\": \"instance-event-1\", \"State\": \"canceled\"}]";
        List<Announcement> maintenance = AwsSource.read(AwsSource.Place.MAINTENANCE, scheduled);
        assertThat(maintenance).extracting(Announcement::event).containsExactly("instance-event-0d59937288b749b32");
        assertThat(maintenance.getFirst().deadline()).isEqualTo(new Deadline.At(Instant.parse("2019-01-21T09:00:43Z")));
        assertThat(AwsSource.read(AwsSource.Place.AUTOSCALING, "InService")).isEmpty();
        assertThat(AwsSource.read(AwsSource.Place.AUTOSCALING, "Terminated")).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            SPOT | {"action": "terminate"}
            SPOT | {"action": "dance", "time": "2017-09-18T08:22:00Z"}
            SPOT | {"action": "terminate", "time": "soon"}
            SPOT | <html>502</html>
            SPOT | {"action": "terminate", "time": "2017-09-18T08:22:00Z"} {}
            SPOT | ''
            REBALANCE | []
            MAINTENANCE | {"State": "active"}
            MAINTENANCE | [{"State": "active", "EventId": "e", "Code": "c", "NotBefore": "2019-01-21"}]
            AUTOSCALING | <title>404</title>
            """)
    void whatAmazonDoesNotDescribeIsRefused(AwsSource.Place place, String said) {
        assertThatThrownBy(() -> AwsSource.read(place, said)).isInstanceOf(Garbage.class).hasMessageContaining("not understood");
    }

    @Test
    void googlesValuesAreRead() throws Exception {
        assertThat(GcpSource.read(GcpSource.Value.PREEMPTED, "FALSE", "boot")).isEmpty();
        Announcement preempted = GcpSource.read(GcpSource.Value.PREEMPTED, "TRUE\n", "boot").getFirst();
        assertThat(preempted.deadline()).isEqualTo(new Deadline.After(Duration.ofSeconds(30)));
        assertThat(GcpSource.read(GcpSource.Value.MAINTENANCE, "MIGRATE_ON_HOST_MAINTENANCE", "boot")).isEmpty();
        assertThat(GcpSource.read(GcpSource.Value.MAINTENANCE, "TERMINATE_ON_HOST_MAINTENANCE", "boot").getFirst().kind()).isEqualTo(NoticeKind.MAINTENANCE);
        assertThatThrownBy(() -> GcpSource.read(GcpSource.Value.PREEMPTED, "MAYBE", "boot")).isInstanceOf(Garbage.class);
    }

    @Test
    void azuresEventsOfOtherMachinesArePassedOver() throws Exception {
        String document =
                "{\"DocumentIncarnation\": 7, \"Events\": ["
                        + "{\"EventId\": \"mine\", \"EventStatus\": \"Scheduled\", \"EventType\": \"Preempt\", \"ResourceType\": \"VirtualMachine\", \"Resources\": [\"vm-1\"], \"NotBefore\": \"Mon, 11 Apr 2022 22:26:58 GMT\"},"
                        + "{\"EventId\": \"theirs\", \"EventStatus\": \"Scheduled\", \"EventType\": \"Preempt\", \"ResourceType\": \"VirtualMachine\", \"Resources\": [\"vm-2\"], \"NotBefore\": \"Mon, 11 Apr 2022 22:26:58 GMT\"},"
                        + "{\"EventId\": \"freeze\", \"EventStatus\": \"Scheduled\", \"EventType\": \"Freeze\", \"ResourceType\": \"VirtualMachine\", \"Resources\": [\"vm-1\"], \"NotBefore\": \"Mon, 11 Apr 2022 22:26:58 GMT\"},"
                        + "{\"EventId\": \"begun\", \"EventStatus\": \"Started\", \"EventType\": \"Reboot\", \"ResourceType\": \"VirtualMachine\", \"Resources\": [\"vm-1\"], \"NotBefore\": \"\"}]}";
        List<Announcement> read = AzureSource.read(document, "vm-1", NOW);
        assertThat(read).extracting(Announcement::event).containsExactly("mine", "begun");
        assertThat(read).extracting(Announcement::kind).containsExactly(NoticeKind.FINAL, NoticeKind.MAINTENANCE);
        assertThat(read.getFirst().deadline()).isEqualTo(new Deadline.At(Instant.parse("2022-04-11T22:26:58Z")));
        assertThat(read.getLast().deadline()).isEqualTo(new Deadline.After(Duration.ZERO));
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}", "[]", "{\"Events\": [{}]}", "{\"Events\": [{\"Resources\": [\"vm-1\"], \"EventType\": \"Explode\", \"EventId\": \"e\", \"EventStatus\": \"Scheduled\"}]}"})
    void whatAzureDoesNotDescribeIsRefused(String document) {
        assertThatThrownBy(() -> AzureSource.read(document, "vm-1", NOW)).isInstanceOf(Garbage.class);
    }

    @Test
    void aFileMaySayWhatItMeans() throws Exception {
        assertThat(FileSource.read("f", "", "1").deadline()).isEqualTo(new Deadline.After(Duration.ofSeconds(120)));
        Announcement said = FileSource.read("f", "{\"kind\": \"maintenance\", \"deadline\": \"90s\", \"reason\": \"new kernel\"}", "1");
        assertThat(said).isEqualTo(new Announcement("1", NoticeKind.MAINTENANCE, new Deadline.After(Duration.ofSeconds(90)), 1, "new kernel"));
        assertThat(FileSource.read("f", "{\"deadline\": \"2030-01-01T00:00:00Z\"}", "1").deadline()).isEqualTo(new Deadline.At(NOW));
        assertThatThrownBy(() -> FileSource.read("f", "in ninety seconds", "1")).isInstanceOf(Garbage.class);
        assertThatThrownBy(() -> FileSource.read("f", "{\"deadline\": \"later\"}", "1")).isInstanceOf(Garbage.class);
        assertThatThrownBy(() -> FileSource.read("f", "{\"kind\": \"party\"}", "1")).isInstanceOf(Garbage.class);
    }
}
