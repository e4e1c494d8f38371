package dev.ferry.storage;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Where images lie. All parts of a cluster are given the same.
 *
 * @param url {@code file:///folder} (a folder that every node sees) or {@code s3://bucket/prefix}
 * @param endpoint of the S3 server, for example https://s3.example.org:9000; empty: Amazon's
 * @param region of the bucket; empty: us-east-1
 * @param accessKey empty: AWS_ACCESS_KEY_ID of the environment
 * @param secretKey empty: secretKeyFile, else AWS_SECRET_ACCESS_KEY of the environment
 * @param secretKeyFile a file that holds the secret key
 * @param pathStyle true: the bucket is in the path; false: in the host name
 * @param caFile PEM file of the authority that signed the server's certificate; empty: the system's
 * @param encryption how objects are encrypted
 */
public record StoreConfig(
        String url, String endpoint, String region, String accessKey, String secretKey, String secretKeyFile, boolean pathStyle, String caFile, EncryptionConfig encryption) {
    public static StoreConfig defaults() {
        return ofUrl("file:///var/lib/ferry/store");
    }

    /**
     * A store by its address alone, as on a command line. What else an S3 server needs may follow as a query:
     * {@code s3://bucket/prefix?endpoint=https://host:9000&region=R&caFile=F&pathStyle=false}; the keys come from
     * the environment.
     *
     * @throws FerryException INVALID_ARGUMENT when the query has another key
     */
    public static StoreConfig ofUrl(String url) {
        int query = url.indexOf('?');
        Map<String, String> values = new HashMap<>(Map.of("endpoint", "", "region", "", "caFile", "", "pathStyle", "true"));
        if (query >= 0) {
            for (String part : url.substring(query + 1).split("&", -1)) {
                String[] words = part.split("=", 2);
                if (words.length < 2 || values.replace(words[0], words[1]) == null) {
                    throw new FerryException(ErrorCode.INVALID_ARGUMENT, "'" + part + "' in " + url + " must be one of endpoint=, region=, caFile=, pathStyle=");
                }
            }
        }
        String address = query < 0 ? url : url.substring(0, query);
        return new StoreConfig(
                address, values.getOrDefault("endpoint", ""), values.getOrDefault("region", ""), "", "", "", "true".equals(values.get("pathStyle")), values.getOrDefault("caFile", ""), EncryptionConfig.off());
    }

    /** The folder that is the store, if it is one. */
    public Optional<Path> folder() {
        URI address = URI.create(url);
        return "file".equals(address.getScheme()) ? Optional.of(Path.of(address.getPath())) : Optional.empty();
    }

    /** One line for each thing that is wrong, beginning with the key. */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        try {
            URI address = new URI(url);
            boolean folder = "file".equals(address.getScheme()) && address.getPath() != null && address.getPath().startsWith("/");
            boolean bucket = "s3".equals(address.getScheme()) && address.getHost() != null;
            if (!folder && !bucket) {
                problems.add("url: '" + url + "' must be file:///folder or s3://bucket/prefix");
            }
        } catch (URISyntaxException malformed) {
            problems.add("url: '" + url + "' is not an address: " + malformed.getReason());
        }
        if (!endpoint.isEmpty() && !endpoint.matches("https?://.+")) {
            problems.add("endpoint: '" + endpoint + "' must begin with http:// or https://");
        }
        if (!secretKey.isEmpty() && !secretKeyFile.isEmpty()) {
            problems.add("secretKey: give either secretKey or secretKeyFile");
        }
        problems.addAll(encryption.problems());
        return problems;
    }

    /** Without the secret. */
    @Override
    public String toString() {
        return url + (endpoint.isEmpty() ? "" : " at " + endpoint);
    }
}
