package dev.ferry.cli.demo;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.ferry.cli.output.Table;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.Durations;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.PhaseTime;
import dev.ferry.proto.v1.Step;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the demo has shown.
 *
 * @param alone SHA-256 of the weights of the training that was left alone
 * @param moved the same of the one that was moved about
 */
record DemoReport(List<Move> moves, String alone, String moved, int steps, Duration took) {
    /**
     * One operation.
     *
     * @param atStep how far the training was
     * @param image empty: it made none
     */
    record Move(String title, int atStep, Operation operation, Optional<Image> image) {}

    boolean equal() {
        return alone.equals(moved);
    }

    String toText() {
        Table table = new Table("OPERATION", "FROM", "TO", "TOOK", "FROZEN", "STOOD STILL", "IMAGE", "SENT");
        for (Move move : moves) {
            Operation operation = move.operation();
            table.row(
                    move.title(),
                    operation.getSourceNode(),
                    operation.getTargetNode(),
                    Durations.format(Duration.ofMillis(operation.getEndedAt() - operation.getStartedAt())),
                    move.image().map(image -> Texts.micros(image.getFreezeMicros())).orElse(""),
                    Texts.micros(operation.getOutageMicros()),
                    move.image().map(image -> Texts.bytes(image.getBytes())).orElse(""),
                    move.image().map(image -> Texts.bytes(image.getSentBytes())).orElse(""));
        }
        return "\n" + table + "\nSHA-256 of all weights after " + steps + " steps\n  left alone   " + alone + "\n  moved about  " + moved + "\n"
                + (equal() ? "EQUAL: not one bit was lost" : "DIFFERENT: this must not happen") + ", in " + Durations.format(took) + "\n";
    }

    String toJson() {
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("equal", equal());
        document.put("sha256Alone", alone);
        document.put("sha256Moved", moved);
        document.put("steps", steps);
        document.put("tookMillis", took.toMillis());
        document.put("operations", moves.stream().map(DemoReport::describe).toList());
        try {
            return new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(document);
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static Map<String, Object> describe(Move move) {
        Operation operation = move.operation();
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("id", operation.getId());
        document.put("kind", operation.getKind().name());
        document.put("atStep", move.atStep());
        document.put("sourceNode", operation.getSourceNode());
        document.put("targetNode", operation.getTargetNode());
        document.put("millis", operation.getEndedAt() - operation.getStartedAt());
        document.put("outageMicros", operation.getOutageMicros());
        move.image()
                .ifPresent(
                        image -> {
                            document.put("image", image.getId());
                            document.put("freezeMicros", image.getFreezeMicros());
                            document.put("imageBytes", image.getBytes());
                            document.put("sentBytes", image.getSentBytes());
                        });
        List<Map<String, Object>> steps = new ArrayList<>();
        for (Step step : operation.getStepsList()) {
            Map<String, Long> phases = new LinkedHashMap<>();
            for (PhaseTime phase : step.getPhasesList()) {
                phases.put(phase.getName(), phase.getMicros());
            }
            steps.add(Map.of("name", step.getName(), "node", step.getNode(), "millis", step.getEndedAt() - step.getStartedAt(), "phaseMicros", phases));
        }
        document.put("steps", steps);
        return document;
    }
}
