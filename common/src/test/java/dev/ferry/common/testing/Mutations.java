package dev.ferry.common.testing;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import java.util.List;
import java.util.Random;

/** Bad input, by a seed: bytes that were damaged, and messages that nobody would send. */
public final class Mutations {
    private static final List<String> TEXTS =
            List.of("", "a", "..", "../../etc/passwd", "/", "/proc/self/root", "\0", "a\0b", "\uffff", "\ud83d\ude00", "x".repeat(5000), "%s%n", "' OR 1=1 --", "-1", "j-aaaaaaaa", "train", "node-1", "\n", "9".repeat(40));
    private static final long[] NUMBERS = {0, 1, -1, 2, 64, Integer.MAX_VALUE, Integer.MIN_VALUE, Long.MAX_VALUE, Long.MIN_VALUE, 1L << 32, 1000};
    private static final int MOST_REPEATS = 4;
    private static final int DEEPEST = 4;

    private final Random random;

    public Mutations(long seed) {
        random = new Random(seed);
    }

    public byte[] noise(int atMost) {
        byte[] noise = new byte[random.nextInt(atMost + 1)];
        random.nextBytes(noise);
        return noise;
    }

    /** Flips, cuts, doubles or inserts a few bytes. */
    public byte[] damage(byte[] good) {
        byte[] bytes = good.clone();
        for (int i = 0; i <= random.nextInt(4) && bytes.length > 0; i++) {
            int at = random.nextInt(bytes.length);
            switch (random.nextInt(4)) {
                case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
                case 1 -> bytes[at] = (byte) random.nextInt();
                case 2 -> bytes = java.util.Arrays.copyOf(bytes, at);
                default -> {
                    byte[] longer = new byte[bytes.length + 1 + random.nextInt(16)];
                    random.nextBytes(longer);
                    System.arraycopy(bytes, 0, longer, 0, at);
                    System.arraycopy(bytes, at, longer, longer.length - (bytes.length - at), bytes.length - at);
                    bytes = longer;
                }
            }
        }
        return bytes;
    }

    /** A message of this type with fields of any value. */
    public Message message(Message empty) {
        return message(empty.newBuilderForType(), 0);
    }

    private Message message(Message.Builder builder, int depth) {
        for (FieldDescriptor field : builder.getDescriptorForType().getFields()) {
            if (random.nextInt(3) == 0 || (field.getJavaType() == FieldDescriptor.JavaType.MESSAGE && depth >= DEEPEST)) {
                continue;
            }
            if (field.isRepeated()) {
                for (int i = random.nextInt(MOST_REPEATS); i > 0; i--) {
                    builder.addRepeatedField(field, value(builder, field, depth));
                }
            } else {
                builder.setField(field, value(builder, field, depth));
            }
        }
        return builder.build();
    }

    private Object value(Message.Builder builder, FieldDescriptor field, int depth) {
        return switch (field.getJavaType()) {
            case STRING -> TEXTS.get(random.nextInt(TEXTS.size()));
            case INT -> (int) number();
            case LONG -> number();
            case BOOLEAN -> random.nextBoolean();
            case FLOAT -> (float) decimal();
            case DOUBLE -> decimal();
            case BYTE_STRING -> ByteString.copyFrom(noise(80));
            case ENUM -> choice(field.getEnumType().getValues());
            case MESSAGE -> message(builder.newBuilderForField(field), depth + 1);
        };
    }

    private EnumValueDescriptor choice(List<EnumValueDescriptor> values) {
        return values.get(random.nextInt(values.size()));
    }

    private long number() {
        return random.nextInt(3) == 0 ? random.nextLong() : NUMBERS[random.nextInt(NUMBERS.length)];
    }

    private double decimal() {
        double[] odd = {0, -1, Double.NaN, Double.POSITIVE_INFINITY, Double.MIN_VALUE, Double.MAX_VALUE};
        return odd[random.nextInt(odd.length)];
    }
}
