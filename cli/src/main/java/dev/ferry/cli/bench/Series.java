package dev.ferry.cli.bench;

import java.util.List;

/**
 * What one side measured in all rounds.
 *
 * @param side for example ferry, criu
 */
record Series(String side, List<Double> values) {
    Series {
        values = List.copyOf(values);
        if (values.isEmpty()) {
            throw new IllegalArgumentException(side + " measured nothing");
        }
    }

    double median() {
        List<Double> sorted = values.stream().sorted().toList();
        int middle = sorted.size() / 2;
        return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    }

    double least() {
        return values.stream().mapToDouble(Double::doubleValue).min().orElseThrow();
    }

    double most() {
        return values.stream().mapToDouble(Double::doubleValue).max().orElseThrow();
    }
}
