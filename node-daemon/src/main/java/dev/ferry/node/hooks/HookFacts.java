package dev.ferry.node.hooks;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What a hook is told, as JSON and as variables of its environment.
 *
 * @param values texts and whole numbers by their JSON names, such as jobName, which is FERRY_JOB_NAME in the environment
 */
public record HookFacts(Map<String, Object> values) {
    private static final ObjectMapper JSON = new ObjectMapper();

    public HookFacts {
        values = new LinkedHashMap<>(values);
    }

    HookFacts with(String name, Object value) {
        Map<String, Object> more = new LinkedHashMap<>();
        more.put(name, value);
        more.putAll(values);
        return new HookFacts(more);
    }

    byte[] json() {
        try {
            return JSON.writeValueAsBytes(values);
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    Map<String, String> environment() {
        // No variable can hold a zero, and none of what is told here has one.
        return values.entrySet().stream().collect(Collectors.toMap(entry -> variable(entry.getKey()), entry -> entry.getValue().toString().replace("\0", "")));
    }

    private static String variable(String name) {
        return "FERRY_" + name.replaceAll("([A-Z])", "_$1").toUpperCase(Locale.ROOT);
    }
}
