package dev.ferry.node.hooks;

import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One hook of a node.
 *
 * @param event when it is called: before-dump, after-freeze ...
 * @param exec a program by its absolute path, and its arguments; empty: there is a url
 * @param url to which the facts are posted; empty: there is a program
 * @param timeout after which it is ended and counts as failed
 * @param onFailure refuse: what it comes before is not done when it fails; ignore: it is done all the same
 */
public record HookConfig(String event, List<String> exec, String url, String timeout, String onFailure) {
    private static final String REFUSE = "refuse";
    private static final String IGNORE = "ignore";

    /** What the file leaves out is its default. */
    public HookConfig(@Nullable String event, @Nullable List<String> exec, @Nullable String url, @Nullable String timeout, @Nullable String onFailure) {
        this.event = Objects.requireNonNullElse(event, "");
        this.exec = exec == null ? List.of() : List.copyOf(exec);
        this.url = Objects.requireNonNullElse(url, "");
        this.timeout = Objects.requireNonNullElse(timeout, "10s");
        this.onFailure = Objects.requireNonNullElse(onFailure, IGNORE);
    }

    HookEvent when() {
        return HookEvent.of(event).orElseThrow();
    }

    Duration limit() {
        return Durations.parse(timeout);
    }

    boolean refuses() {
        return onFailure.equals(REFUSE);
    }

    /** What it is called in messages. */
    String what() {
        return exec.isEmpty() ? url : exec.getFirst();
    }

    /** One line for each problem. */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (HookEvent.of(event).isEmpty()) {
            problems.add("event: '" + event + "' must be one of " + String.join(", ", HookEvent.words()));
        }
        if (exec.isEmpty() == url.isEmpty()) {
            problems.add("exec, url: one of them must be given");
        }
        if (!exec.isEmpty() && !exec.getFirst().startsWith("/")) {
            problems.add("exec: '" + exec.getFirst() + "' must be an absolute path; arguments follow it in the list");
        }
        if (!url.isEmpty() && !isAddress(url)) {
            problems.add("url: '" + url + "' must be http://host[:port][/path], or https");
        }
        try {
            if (limit().isZero()) {
                problems.add("timeout: must not be zero");
            }
        } catch (FerryException wrong) {
            problems.add("timeout: " + wrong.getMessage());
        }
        if (!refuses() && !onFailure.equals(IGNORE)) {
            problems.add("onFailure: '" + onFailure + "' must be refuse or ignore");
        }
        if (refuses() && HookEvent.of(event).filter(when -> !when.mayRefuse()).isPresent()) {
            problems.add("onFailure: " + event + " can refuse nothing");
        }
        return problems;
    }

    private static boolean isAddress(String value) {
        try {
            URI address = new URI(value);
            return address.getHost() != null && ("http".equals(address.getScheme()) || "https".equals(address.getScheme()));
        } catch (URISyntaxException malformed) {
            return false;
        }
    }
}
