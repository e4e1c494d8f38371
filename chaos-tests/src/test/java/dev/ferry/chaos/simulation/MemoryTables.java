package dev.ferry.chaos.simulation;

import com.google.protobuf.Message;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Operation;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** What is on the database's disk: it outlives every coordinator. */
final class MemoryTables {
    final Map<String, Job> jobs = new TreeMap<>();
    final Map<String, Operation> operations = new TreeMap<>();
    final Set<String> openOperations = new LinkedHashSet<>();
    final Map<String, Image> images = new TreeMap<>();
    final Map<String, Node> nodes = new TreeMap<>();
    /** Records of all other kinds, by {@code RecordKind.changeKey}. */
    final Map<String, Message> records = new TreeMap<>();
    /** Of the coordinator that leads; raised by each that takes over. */
    long epoch;
}
