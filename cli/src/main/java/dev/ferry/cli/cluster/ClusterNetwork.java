package dev.ferry.cli.cluster;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** A bridge on this machine, and a network namespace with one end of a cable to it for each node. Names are the same at every start. */
final class ClusterNetwork {
    private static final int FIRST = 10;
    private static final int MOST_TRIES = 64;

    private final String id;
    private final int nodes;
    private int third = -1;

    /**
     * @param id four letters or digits, unique on this machine
     */
    ClusterNetwork(String id, int nodes) {
        this.id = id;
        this.nodes = nodes;
    }

    private String bridge() {
        return "ferry-" + id;
    }

    String namespace(int node) {
        return "ferry-" + id + "-" + node;
    }

    private String cable(int node) {
        return "fy" + id + "-" + node;
    }

    /** The coordinator's address on the bridge. */
    String hostAddress() {
        return "10.213." + third + ".1";
    }

    /** A node's address on the bridge. */
    String address(int node) {
        return "10.213." + third + "." + (FIRST + node);
    }

    void create() {
        remove();
        third = freeSubnet();
        Tool.must("ip", "link", "add", bridge(), "type", "bridge");
        Tool.must("ip", "addr", "add", hostAddress() + "/24", "dev", bridge());
        Tool.must("ip", "link", "set", bridge(), "up");
        IntStream.rangeClosed(1, nodes).forEach(this::connect);
    }

    private void connect(int node) {
        String namespace = namespace(node);
        Tool.must("ip", "netns", "add", namespace);
        Tool.must("ip", "link", "add", cable(node), "type", "veth", "peer", "name", "eth0", "netns", namespace);
        Tool.must("ip", "link", "set", cable(node), "master", bridge(), "up");
        Tool.must("ip", "-n", namespace, "addr", "add", address(node) + "/24", "dev", "eth0");
        Tool.must("ip", "-n", namespace, "link", "set", "eth0", "up");
        Tool.must("ip", "-n", namespace, "link", "set", "lo", "up");
    }

    /** A subnet that no interface of this machine has. */
    private int freeSubnet() {
        String taken = Tool.must("ip", "-o", "-4", "addr");
        int begin = Math.floorMod(id.hashCode(), 256);
        for (int i = 0; i < MOST_TRIES; i++) {
            int candidate = (begin + i) % 256;
            if (!taken.contains("10.213." + candidate + ".")) {
                return candidate;
            }
        }
        throw new FerryException(ErrorCode.START_FAILED, "No subnet of 10.213.0.0/16 is free on this machine");
    }

    /** What a process is started with to be in a node's namespace; /sys stays as it is, unlike with 'ip netns exec'. */
    List<String> enter(int node) {
        return List.of("nsenter", "--net=/run/netns/" + namespace(node));
    }

    /** Drops all that a node sends and is sent, as a network does that is cut: nobody is told. */
    void cut(int node) {
        List<String> nft = List.of("add table inet ferry-cut", "add chain inet ferry-cut in { type filter hook input priority 0; policy drop; }", "add chain inet ferry-cut out { type filter hook output priority 0; policy drop; }");
        nft.forEach(words -> nft(node, words));
    }

    void mend(int node) {
        nft(node, "delete table inet ferry-cut");
    }

    private void nft(int node, String words) {
        List<String> command = new ArrayList<>(enter(node));
        command.addAll(List.of("nft", words));
        Tool.must(command.toArray(String[]::new));
    }

    /** Removes all of it; what is not there is no error. */
    void remove() {
        for (int node = 1; node <= nodes; node++) {
            // With the namespace its end of the cable goes, and with it the other end.
            Tool.run("ip", "link", "delete", cable(node));
            Tool.run("ip", "netns", "delete", namespace(node));
        }
        Tool.run("ip", "link", "delete", bridge());
    }
}
