package dev.ferry.node.notices;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Reads what metadata servers answer, and refuses whatever is not as documented. */
final class Documents {
    private static final JsonMapper MAPPER = JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();
    /** 21 Jan 2019 09:00:43 GMT. */
    private static final DateTimeFormatter AWS_TIME = DateTimeFormatter.ofPattern("d MMM yyyy HH:mm:ss 'GMT'", Locale.ENGLISH).withZone(ZoneOffset.UTC);

    private Documents() {}

    static JsonNode json(String what, String text) throws Garbage {
        try {
            JsonNode parsed = MAPPER.readTree(text);
            if (parsed == null || parsed.isMissingNode()) {
                throw new Garbage(what, text);
            }
            return parsed;
        } catch (JsonProcessingException malformed) {
            throw new Garbage(what, text);
        }
    }

    /** A text of an object. */
    static String text(String what, JsonNode object, String key) throws Garbage {
        JsonNode value = object.get(key);
        if (value == null || !value.isTextual() || value.asText().isBlank()) {
            throw new Garbage(what + " (its '" + key + "')", object.toString());
        }
        return value.asText();
    }

    /** 2017-09-18T08:22:00Z. */
    static Instant isoTime(String what, String text) throws Garbage {
        try {
            return Instant.parse(text);
        } catch (DateTimeException malformed) {
            throw new Garbage(what, text);
        }
    }

    static Instant awsTime(String what, String text) throws Garbage {
        try {
            return ZonedDateTime.parse(text, AWS_TIME).toInstant();
        } catch (DateTimeException malformed) {
            throw new Garbage(what, text);
        }
    }

    /** Mon, 11 Apr 2022 22:26:58 GMT. */
    static Instant httpTime(String what, String text) throws Garbage {
        try {
            return ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
        } catch (DateTimeException malformed) {
            throw new Garbage(what, text);
        }
    }
}
