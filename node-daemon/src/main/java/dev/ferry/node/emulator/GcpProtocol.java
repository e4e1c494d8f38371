package dev.ferry.node.emulator;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/** Google's metadata server: a header in both directions, and values that can be waited for by their etag. */
final class GcpProtocol implements Protocol {
    private static final String FLAVOR = "Metadata-Flavor";

    @Override
    public Duration usualNotice() {
        return Duration.ofSeconds(30);
    }

    @Override
    public void answer(Call call, Machine machine) throws IOException, InterruptedException {
        call.with(FLAVOR, "Google");
        if (!call.header(FLAVOR).orElse("").equals("Google")) {
            call.answer(403, "Missing Metadata-Flavor:Google header.");
            return;
        }
        Map<String, String> query = call.query();
        if (query.getOrDefault("wait_for_change", "false").equals("true")) {
            awaitChange(call.path(), machine, query.getOrDefault("last_etag", ""), Duration.ofSeconds(Long.parseLong(query.getOrDefault("timeout_sec", "3600"))));
        }
        Optional<String> value = value(call.path(), machine);
        if (value.isEmpty()) {
            call.answer(404, "");
        } else {
            call.with("ETag", etag(value.get(), machine)).answer(200, value.get());
        }
    }

    /** Without an etag the next change is waited for; with one that is not the value's own the answer comes at once. */
    private static void awaitChange(String path, Machine machine, String etag, Duration atMost) throws InterruptedException {
        long end = System.nanoTime() + atMost.toNanos();
        String from = etag.isEmpty() ? value(path, machine).map(value -> etag(value, machine)).orElse("") : etag;
        long incarnation = machine.incarnation();
        while (value(path, machine).map(value -> etag(value, machine)).orElse("").equals(from) && System.nanoTime() < end) {
            machine.awaitChange(incarnation, Duration.ofNanos(Math.max(0, end - System.nanoTime())));
            incarnation = machine.incarnation();
        }
    }

    private static Optional<String> value(String path, Machine machine) {
        return switch (path) {
            case "/computeMetadata/v1/instance/preempted" -> Optional.of(machine.announced(Announced.Kind.INTERRUPTION).isPresent() ? "TRUE" : "FALSE");
            case "/computeMetadata/v1/instance/maintenance-event" -> Optional.of(machine.announced(Announced.Kind.MAINTENANCE).isPresent() ? "TERMINATE_ON_HOST_MAINTENANCE" : "NONE");
            default -> Optional.empty();
        };
    }

    /** Of the value alone: another value's change is no change of this one. */
    private static String etag(String value, Machine machine) {
        return Integer.toHexString((machine.name() + "=" + value).hashCode());
    }
}
