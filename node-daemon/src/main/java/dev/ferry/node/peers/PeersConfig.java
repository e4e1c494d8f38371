package dev.ferry.node.peers;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Where other nodes may ask this one for chunks that its cache has.
 *
 * @param listen host:port that it listens on, port 0: any that is free; empty: other nodes may not ask
 * @param advertise host:port by which other nodes reach it, port 0: that which is listened on; empty: as in listen
 */
public record PeersConfig(String listen, String advertise) {
    private static final String ADDRESS = "([^\\s:\\[\\]/]+|\\[[^\\]\\s]+\\]):\\d{1,5}";
    private static final Set<String> EVERYWHERE = Set.of("0.0.0.0", "[::]", "[0:0:0:0:0:0:0:0]", "*");
    private static final int LAST_PORT = 65535;

    public static PeersConfig defaults() {
        return new PeersConfig("", "");
    }

    /**
     * One line for each thing that is wrong, beginning with the key.
     *
     * @param tls whether nodes know each other by certificates
     */
    public List<String> problems(boolean tls) {
        List<String> problems = new ArrayList<>();
        check(problems, "listen", listen);
        check(problems, "advertise", advertise);
        if (listen.isEmpty() && !advertise.isEmpty()) {
            problems.add("advertise: there is nothing to reach at " + advertise + " as long as 'listen' is empty");
        }
        if (EVERYWHERE.contains(host(advertise))) {
            problems.add("advertise: '" + advertise + "' is no address of one machine");
        }
        if (EVERYWHERE.contains(host(listen)) && advertise.isEmpty()) {
            problems.add("advertise: must say by which address other nodes reach this one, because '" + listen + "' is every address of it");
        }
        if (!tls && !listen.isEmpty() && !isLoopback(host(listen))) {
            problems.add("listen: without TLS (tls: false) it must be an address of the loopback interface, not '" + listen + "'");
        }
        return problems;
    }

    private static void check(List<String> problems, String key, String address) {
        if (!address.isEmpty() && (!address.matches(ADDRESS) || port(address) > LAST_PORT)) {
            problems.add(key + ": '" + address + "' must be host:port");
        }
    }

    private static boolean isLoopback(String host) {
        return host.equals("localhost") || host.equals("[::1]") || host.matches("127(\\.\\d{1,3}){3}");
    }

    private static String host(String address) {
        return address.substring(0, Math.max(0, address.lastIndexOf(':')));
    }

    private static int port(String address) {
        return Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
    }

    /** The address that other nodes are told. */
    String told(int listened) {
        String address = advertise.isEmpty() ? listen : advertise;
        return port(address) == 0 ? host(address) + ":" + listened : address;
    }
}
