package dev.ferry.common;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Reads one YAML file into a record. A key that the record lacks is an error; every problem is
 * reported, not only the first. A record checks its own values by {@link Checked}.
 */
public final class Configs {
    private static final YAMLMapper MAPPER =
            YAMLMapper.builder().enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES).build();

    private static final long MOST_BYTES = 1 << 20;

    /** A configuration that knows what is wrong with itself. */
    public interface Checked {
        /** One line for each problem, each beginning with the key; empty: all is well. */
        List<String> problems();
    }

    private Configs() {}

    /**
     * Reads a file over the defaults: keys that the file lacks keep the default's value.
     *
     * @throws FerryException CONFIG_INVALID with all problems, each with its key
     */
    public static <T extends Record & Checked> T load(Path file, T defaults) {
        try {
            if (Files.size(file) > MOST_BYTES) {
                throw invalid(file.toString(), List.of("it has more than " + MOST_BYTES + " bytes"));
            }
            return parse(Files.readString(file), file.toString(), defaults);
        } catch (IOException unreadable) {
            throw new FerryException(
                    ErrorCode.CONFIG_INVALID, "Can't read the configuration " + file + ": " + unreadable, unreadable);
        }
    }

    public static <T extends Record & Checked> T parse(String yaml, String origin, T defaults) {
        List<String> problems = new ArrayList<>();
        @SuppressWarnings("unchecked")
        Class<T> type = (Class<T>) defaults.getClass();
        try {
            JsonNode given = MAPPER.readTree(yaml);
            ObjectNode merged = MAPPER.valueToTree(defaults);
            if (given != null && !given.isMissingNode() && !given.isNull()) {
                if (!given.isObject()) {
                    throw invalid(origin, List.of("the file must be a map of keys to values"));
                }
                merge(merged, given, type, "", problems);
            }
            if (!problems.isEmpty()) {
                throw invalid(origin, problems);
            }
            T config = MAPPER.treeToValue(merged, type);
            if (!config.problems().isEmpty()) {
                throw invalid(origin, config.problems());
            }
            return config;
        } catch (JsonMappingException mapping) {
            String key = String.join(".", mapping.getPath().stream().map(JsonMappingException.Reference::getFieldName).toList());
            throw invalid(origin, List.of(key + ": " + mapping.getOriginalMessage()));
        } catch (JsonProcessingException malformed) {
            throw invalid(origin, List.of("not YAML: " + malformed.getOriginalMessage() + " at " + malformed.getLocation().offsetDescription()));
        }
    }

    private static void merge(ObjectNode into, JsonNode given, Class<?> type, String prefix, List<String> problems) {
        List<String> known = Arrays.stream(type.getRecordComponents()).map(RecordComponent::getName).toList();
        given.properties().forEach(entry -> {
            String key = entry.getKey();
            RecordComponent component =
                    Arrays.stream(type.getRecordComponents()).filter(c -> c.getName().equals(key)).findFirst().orElse(null);
            if (component == null) {
                problems.add(prefix + key + ": no such key; known here: " + String.join(", ", known));
            } else if (entry.getValue().isNull()) {
                problems.add(prefix + key + ": has no value; leave the key out for the default");
            } else if (component.getType().isRecord() && entry.getValue().isObject() && into.get(key) instanceof ObjectNode nested) {
                merge(nested, entry.getValue(), component.getType(), prefix + key + ".", problems);
            } else {
                into.set(key, entry.getValue());
            }
        });
    }

    private static FerryException invalid(String origin, List<String> problems) {
        return new FerryException(
                ErrorCode.CONFIG_INVALID, "The configuration " + origin + " can't be used: " + String.join("; ", problems));
    }
}
