package dev.ferry.node.gpu;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** The words of one answer of ferry-gpu: {@code ok key=value ...}, where a key may come again, or {@code refused reason}. */
record HelperWords(boolean ok, String refusal, List<Word> words) {
    /** One key with its value, as it was before it was written without blanks. */
    record Word(String key, String value) {}

    static HelperWords parse(String text) {
        String[] parts = text.split(" ", -1);
        if (!parts[0].equals("ok")) {
            return new HelperWords(false, text.substring(Math.min(text.length(), parts[0].length() + 1)), List.of());
        }
        List<Word> words = new ArrayList<>();
        for (int i = 1; i < parts.length; i++) {
            int equals = parts[i].indexOf('=');
            if (equals > 0) {
                words.add(new Word(parts[i].substring(0, equals), plain(parts[i].substring(equals + 1))));
            }
        }
        return new HelperWords(true, "", words);
    }

    /** Whether the helper has begun nothing, because it was asked to end and does so now. */
    boolean isEnding() {
        return refusal.equals("ending");
    }

    /** Empty when the key is not there. */
    String text(String key) {
        return words.stream().filter(word -> word.key().equals(key)).findFirst().map(Word::value).orElse("");
    }

    /** 0 when the key is not there or its value is no number. */
    long number(String key) {
        return number(words.stream().filter(word -> word.key().equals(key)).findFirst().orElse(new Word(key, "")));
    }

    static long number(Word word) {
        return word.value().matches("-?\\d{1,18}") ? Long.parseLong(word.value()) : 0;
    }

    private static String plain(String value) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int at = 0; at < value.length(); at++) {
            if (value.charAt(at) == '%' && at + 2 < value.length()) {
                bytes.write(Integer.parseInt(value, at + 1, at + 3, 16));
                at += 2;
            } else {
                bytes.write(value.charAt(at));
            }
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
