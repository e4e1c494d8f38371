package dev.ferry.cli.output;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.ListValue;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.protobuf.util.JsonFormat;
import java.util.List;

/** Messages as JSON: every field that can be absent in no other way is printed, so that programs find what they look for. */
public final class Json {
    private Json() {}

    public static String print(MessageOrBuilder message) {
        try {
            return JsonFormat.printer().alwaysPrintFieldsWithNoPresence().print(message);
        } catch (InvalidProtocolBufferException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** A message, as {@link #text}. */
    public static Value document(MessageOrBuilder message) {
        try {
            Struct.Builder fields = Struct.newBuilder();
            JsonFormat.parser().merge(print(message), fields);
            return struct(fields);
        } catch (InvalidProtocolBufferException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** A text, in a document that is no message. */
    public static Value text(String value) {
        return Value.newBuilder().setStringValue(value).build();
    }

    /** A number, as {@link #text}. */
    public static Value number(double value) {
        return Value.newBuilder().setNumberValue(value).build();
    }

    /** An array, as {@link #text}. */
    public static Value list(List<Value> values) {
        return Value.newBuilder().setListValue(ListValue.newBuilder().addAllValues(values)).build();
    }

    /** An object, as {@link #text}. */
    public static Value struct(Struct.Builder fields) {
        return Value.newBuilder().setStructValue(fields).build();
    }
}
