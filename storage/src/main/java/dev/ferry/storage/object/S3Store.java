package dev.ferry.storage.object;

import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.StoreConfig;
import dev.ferry.storage.WholeObject;
import io.minio.GetObjectArgs;
import io.minio.GetObjectResponse;
import io.minio.ListObjectsArgs;
import io.minio.MinioClient;
import io.minio.PutObjectArgs;
import io.minio.RemoveObjectArgs;
import io.minio.Result;
import io.minio.StatObjectArgs;
import io.minio.errors.MinioException;
import io.minio.messages.Item;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Objects in a bucket of any S3 server. */
public final class S3Store implements ObjectStore {
    private static final Logger LOG = LoggerFactory.getLogger(S3Store.class);
    private static final int READ_PIECE = 64 << 10;

    private final MinioClient client;
    private final String bucket;
    private final String prefix;
    private final S3Retry retry;

    private S3Store(MinioClient client, String bucket, String prefix, String description) {
        this.client = client;
        this.bucket = bucket;
        this.prefix = prefix;
        retry = new S3Retry(description);
    }

    public static S3Store open(StoreConfig config) {
        URI address = URI.create(config.url());
        String path = address.getPath() == null ? "" : address.getPath().replaceAll("^/+|/+$", "");
        return new S3Store(S3Client.of(config), address.getHost(), path.isEmpty() ? "" : path + "/", config.toString());
    }

    @Override
    public void put(String key, ByteBuffer content) {
        retry.run(
                "write",
                key,
                () -> {
                    Object written = client.putObject(arguments(key, content, Map.of()));
                    return written;
                });
    }

    @Override
    public void create(String key, ByteBuffer content) {
        try {
            retry.run(
                    "create",
                    key,
                    () -> {
                        Object written = client.putObject(arguments(key, content, Map.of("If-None-Match", "*")));
                        return written;
                    });
        } catch (FerryException failed) {
            // The answer to an earlier try may have been lost: then the object is our own. The HTTP client tries by itself, too, and does not say so.
            if (failed.code() != ErrorCode.OBJECT_EXISTS || !isOurs(key, content)) {
                throw failed;
            }
        }
    }

    private boolean isOurs(String key, ByteBuffer content) {
        try {
            return get(key).map(there -> ByteBuffer.wrap(there).equals(content.duplicate())).orElse(false);
        } catch (FerryException unread) {
            if (unread.code() != ErrorCode.OBJECT_TOO_LARGE) {
                throw unread;
            }
            return false;
        }
    }

    private PutObjectArgs arguments(String key, ByteBuffer content, Map<String, String> headers) {
        ByteBuffer rest = content.duplicate();
        byte[] bytes;
        if (rest.hasArray() && rest.arrayOffset() == 0 && rest.position() == 0) {
            bytes = rest.array();
        } else {
            bytes = new byte[rest.remaining()];
            rest.get(bytes);
        }
        return PutObjectArgs.builder().bucket(bucket).object(prefix + key).data(bytes, content.remaining()).extraHeaders(headers).build();
    }

    @Override
    public Optional<byte[]> get(String key) {
        return retry.run(
                "read",
                key,
                () -> {
                    try (GetObjectResponse object = client.getObject(GetObjectArgs.builder().bucket(bucket).object(prefix + key).build())) {
                        // No more than that is taken, whatever length the server tells.
                        int atMost = (int) Math.min(Integer.MAX_VALUE - 16, WholeObject.most());
                        byte[] bytes = object.readNBytes(atMost);
                        if (bytes.length == atMost && object.read() >= 0) {
                            throw WholeObject.tooLarge("Object " + key + " in " + describe(), "more than " + Sizes.format(atMost));
                        }
                        return Optional.of(bytes);
                    } catch (MinioException failed) {
                        if (S3Retry.isMissing(failed)) {
                            return Optional.<byte[]>empty();
                        }
                        throw failed;
                    }
                });
    }

    @Override
    public void read(String key, long offset, ByteBuffer into) {
        int start = into.position();
        long length = into.remaining();
        boolean found =
                retry.run(
                        "read",
                        key,
                        () -> {
                            into.position(start);
                            try (GetObjectResponse object =
                                    client.getObject(GetObjectArgs.builder().bucket(bucket).object(prefix + key).offset(offset).length(length).build())) {
                                if (announced(object) < length) {
                                    return false;
                                }
                                fill(object, into);
                                return true;
                            } catch (MinioException failed) {
                                if (S3Retry.isMissing(failed)) {
                                    return false;
                                }
                                throw failed;
                            }
                        });
        if (!found) {
            throw new FerryException(ErrorCode.CHUNK_MISSING, "Object " + key + " is not in " + describe() + " or ends before byte " + (offset + length));
        }
    }

    /** How much the server says that it sends: of a range that goes beyond the object's end it is what there is. */
    private static long announced(GetObjectResponse object) {
        String bytes = object.headers().get("Content-Length");
        return bytes == null ? Long.MAX_VALUE : Long.parseLong(bytes);
    }

    private static void fill(GetObjectResponse object, ByteBuffer into) throws IOException {
        byte[] piece = new byte[(int) Math.min(READ_PIECE, into.remaining())];
        while (into.hasRemaining()) {
            int count = object.read(piece, 0, Math.min(piece.length, into.remaining()));
            if (count < 0) {
                throw new IOException("the server's answer ended " + into.remaining() + " bytes early");
            }
            into.put(piece, 0, count);
        }
    }

    @Override
    public List<Entry> entries(String keyPrefix) {
        return retry.run(
                "list",
                keyPrefix,
                () -> {
                    List<Entry> found = new ArrayList<>();
                    for (Result<Item> item : client.listObjects(ListObjectsArgs.builder().bucket(bucket).prefix(prefix + keyPrefix).recursive(true).build())) {
                        Item object = item.get();
                        found.add(new Entry(object.objectName().substring(prefix.length()), object.size(), object.lastModified().toInstant().toEpochMilli()));
                    }
                    found.sort(Comparator.comparing(Entry::key));
                    return found;
                });
    }

    /** An object is put by one request here: a killed writer leaves nothing. */
    @Override
    public long clearUnfinished(Duration olderThan) {
        return 0;
    }

    @Override
    public long delete(String key) {
        return retry.run(
                "delete",
                key,
                () -> {
                    long size;
                    try {
                        size = client.statObject(StatObjectArgs.builder().bucket(bucket).object(prefix + key).build()).size();
                    } catch (MinioException failed) {
                        if (S3Retry.isMissing(failed)) {
                            return 0L;
                        }
                        throw failed;
                    }
                    client.removeObject(RemoveObjectArgs.builder().bucket(bucket).object(prefix + key).build());
                    return size;
                });
    }

    @Override
    public String describe() {
        return retry.store();
    }

    @Override
    public void close() {
        try {
            client.close();
        } catch (Exception unclosed) {
            // Connections that are left are closed by the end of the process.
            LOG.debug("the client of {} was not closed", describe(), unclosed);
        }
    }
}
