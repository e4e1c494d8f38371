package dev.ferry.node.emulator;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Amazon's Instance Metadata Service, version 2 only: a token by PUT with its life time in a header, 401 without one or with one that has
 * run out, 403 for what a proxy has passed on, 404 where there is nothing to tell.
 */
final class AwsProtocol implements Protocol {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("d MMM yyyy HH:mm:ss 'GMT'", Locale.ENGLISH).withZone(ZoneOffset.UTC);
    private static final int LONGEST_SECONDS = 21_600;

    private final Map<String, Instant> tokens = new ConcurrentHashMap<>();
    private final AtomicLong issued = new AtomicLong();

    @Override
    public Duration usualNotice() {
        return Duration.ofSeconds(120);
    }

    /** Every token that was given has run out. */
    void expireTokens() {
        tokens.clear();
    }

    @Override
    public void answer(Call call, Machine machine) throws IOException {
        if (call.path().equals("/latest/api/token")) {
            token(call);
            return;
        }
        Optional<Instant> until = call.header("X-aws-ec2-metadata-token").map(tokens::get);
        if (until.isEmpty() || until.get().isBefore(Instant.now())) {
            call.answer(401, "");
            return;
        }
        Optional<String> text =
                switch (call.path()) {
                    case "/latest/meta-data/spot/instance-action" ->
                            machine.announced(Announced.Kind.INTERRUPTION).map(one -> "{\"action\": \"terminate\", \"time\": \"" + one.at().truncatedTo(ChronoUnit.SECONDS) + "\"}");
                    case "/latest/meta-data/events/recommendations/rebalance" ->
                            machine.announced(Announced.Kind.REBALANCE).map(one -> "{\"noticeTime\": \"" + one.at().truncatedTo(ChronoUnit.SECONDS) + "\"}");
                    case "/latest/meta-data/events/maintenance/scheduled" -> Optional.of(machine.announced(Announced.Kind.MAINTENANCE).map(AwsProtocol::maintenance).orElse("[]"));
                    case "/latest/meta-data/autoscaling/target-lifecycle-state" -> Optional.of("InService");
                    default -> Optional.empty();
                };
        call.answer(text.isPresent() ? 200 : 404, text.orElse(""));
    }

    private static String maintenance(Announced one) {
        return "[{\"NotBefore\": \"" + TIME.format(one.at()) + "\", \"Code\": \"system-reboot\", \"Description\": \"scheduled reboot\", \"EventId\": \"" + one.event() + "\", \"State\": \"" + (one.begun() ? "completed" : "active") + "\"}]";
    }

    private void token(Call call) throws IOException {
        String life = call.header("X-aws-ec2-metadata-token-ttl-seconds").orElse("");
        if (!call.method().equals("PUT")) {
            call.answer(405, "");
        } else if (call.header("X-Forwarded-For").isPresent()) {
            call.answer(403, "");
        } else if (!life.matches("\\d{1,5}") || Integer.parseInt(life) < 1 || Integer.parseInt(life) > LONGEST_SECONDS) {
            call.answer(400, "");
        } else {
            String token = "token-" + issued.incrementAndGet();
            tokens.put(token, Instant.now().plusSeconds(Integer.parseInt(life)));
            call.with("X-aws-ec2-metadata-token-ttl-seconds", life).answer(200, token);
        }
    }
}
