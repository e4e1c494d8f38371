package dev.ferry.node.emulator;

import java.io.IOException;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Azure's Scheduled Events: one document whose incarnation rises with each change, and acknowledgements by POST. */
final class AzureProtocol implements Protocol {
    private static final Pattern EVENT_ID = Pattern.compile("\"EventId\"\\s*:\\s*\"([^\"]+)\"");
    private static final DateTimeFormatter TIME = DateTimeFormatter.RFC_1123_DATE_TIME.withZone(ZoneOffset.UTC);

    @Override
    public Duration usualNotice() {
        return Duration.ofSeconds(30);
    }

    @Override
    public void answer(Call call, Machine machine) throws IOException {
        if (!call.header("Metadata").orElse("").equals("true") || !call.query().containsKey("api-version")) {
            call.answer(400, "{\"error\": \"Bad request. Required metadata header or api-version not specified\"}");
            return;
        }
        switch (call.path()) {
            case "/metadata/instance/compute/name" -> call.answer(200, machine.name());
            case "/metadata/scheduledevents" -> events(call, machine);
            default -> call.answer(404, "");
        }
    }

    private static void events(Call call, Machine machine) throws IOException {
        if (call.method().equals("POST")) {
            Matcher event = EVENT_ID.matcher(call.body());
            if (!event.find()) {
                call.answer(400, "");
                return;
            }
            machine.acknowledge(event.group(1));
            call.answer(200, "");
            return;
        }
        List<Announced> announced = machine.announced().stream().filter(one -> one.kind() != Announced.Kind.REBALANCE).toList();
        String document =
                announced.stream().map(one -> event(one, machine.name())).collect(Collectors.joining(", ", "{\"DocumentIncarnation\": " + machine.incarnation() + ", \"Events\": [", "]}"));
        call.answer(200, document);
    }

    private static String event(Announced one, String machine) {
        boolean last = one.kind() == Announced.Kind.INTERRUPTION;
        return "{\"EventId\": \"" + one.event() + "\", \"EventStatus\": \"" + (one.begun() ? "Started" : "Scheduled") + "\", \"EventType\": \"" + (last ? "Preempt" : "Redeploy")
                + "\", \"ResourceType\": \"VirtualMachine\", \"Resources\": [\"" + machine + "\"], \"NotBefore\": \"" + (one.begun() ? "" : TIME.format(one.at()))
                + "\", \"Description\": \"\", \"EventSource\": \"Platform\", \"DurationInSeconds\": -1}";
    }
}
