package dev.ferry.storage.object;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import io.minio.errors.ErrorResponseException;
import io.minio.errors.MinioException;
import io.minio.errors.ServerException;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.cert.CertificateException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;

/**
 * Tries a request a few times when the server or the network may do better next time, and says in
 * Ferry's words what was wrong when it does not.
 */
final class S3Retry {
    private static final int TRIES = 5;
    private static final long FIRST_PAUSE_MILLIS = 200;
    private static final Set<String> MISSING = Set.of("NoSuchKey", "NoSuchObject", "ResourceNotFound", "InvalidRange");
    private static final Set<String> TRANSIENT =
            Set.of("SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted", "ConditionalRequestConflict", "XMinioServerNotInitialized");
    private static final Set<String> FULL = Set.of("XMinioStorageFull", "QuotaExceeded", "EntityTooLarge", "InsufficientStorage");

    private final String store;

    /** How long a request may take, with all of its tries and the pauses between them. */
    static Duration longest() {
        return S3Client.WHOLE_CALL.multipliedBy(TRIES).plusMillis((2 * FIRST_PAUSE_MILLIS << TRIES - 1) - 2 * FIRST_PAUSE_MILLIS);
    }

    S3Retry(String store) {
        this.store = store;
    }

    String store() {
        return store;
    }

    interface Request<T> {
        T run() throws MinioException, IOException;
    }

    <T> T run(String verb, String key, Request<T> request) {
        for (int attempt = 1; ; attempt++) {
            try {
                return request.run();
            } catch (MinioException | IOException | IllegalStateException wrapped) {
                Exception failed = unwrap(wrapped);
                boolean again = attempt < TRIES && mayDoBetter(failed);
                if (!again) {
                    throw translate(verb, key, failed, attempt);
                }
                pause(attempt, verb, key, failed);
            }
        }
    }

    /** The SDK's blocking calls hand some failures of the network on inside an IllegalStateException. */
    private static Exception unwrap(Exception failed) {
        if (failed instanceof IllegalStateException state) {
            return switch (state.getCause()) {
                case MinioException answer -> answer;
                case IOException network -> network;
                case GeneralSecurityException untrusted -> new SSLException(untrusted);
                case null, default -> throw state;
            };
        }
        return failed;
    }

    private void pause(int attempt, String verb, String key, Exception cause) {
        long millis = FIRST_PAUSE_MILLIS << (attempt - 1);
        try {
            Thread.sleep(millis + ThreadLocalRandom.current().nextLong(millis));
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw translate(verb, key, cause, attempt);
        }
    }

    static boolean isMissing(MinioException failed) {
        return failed instanceof ErrorResponseException answer
                && (MISSING.contains(String.valueOf(answer.errorResponse().code())) || answer.response().code() == 404 && !"NoSuchBucket".equals(answer.errorResponse().code()));
    }

    /** A handshake fails also because the other side went away in its middle, which says nothing of certificates. */
    private static boolean isUntrusted(Exception failed) {
        for (Throwable cause = failed; cause != null; cause = cause.getCause()) {
            if (cause instanceof CertificateException || cause instanceof SSLPeerUnverifiedException) {
                return true;
            }
        }
        return false;
    }

    private static boolean mayDoBetter(Exception failed) {
        if (failed instanceof ErrorResponseException answer) {
            int status = answer.response().code();
            return status >= 500 && status != 501 && status != 507 || status == 429 || TRANSIENT.contains(String.valueOf(answer.errorResponse().code()));
        }
        return !isUntrusted(failed) && !Thread.currentThread().isInterrupted();
    }

    private FerryException translate(String verb, String key, Exception failed, int tries) {
        String what = "Can't " + verb + " " + key + " in " + store;
        if (failed instanceof ErrorResponseException answer) {
            String code = String.valueOf(answer.errorResponse().code());
            int status = answer.response().code();
            String said = code + " (HTTP " + status + "): " + answer.errorResponse().message();
            if (status == 412 || code.equals("PreconditionFailed")) {
                return new FerryException(ErrorCode.OBJECT_EXISTS, "Object " + key + " is already in " + store, failed);
            }
            ErrorCode kind = FULL.contains(code) || status == 507 ? ErrorCode.STORE_FULL : status >= 500 ? ErrorCode.STORE_UNREACHABLE : ErrorCode.STORE_REFUSED;
            return new FerryException(kind, what + ": the server says " + said, failed);
        }
        Throwable root = failed;
        while (root.getCause() != null && !(failed instanceof ServerException)) {
            root = root.getCause();
        }
        if (isUntrusted(failed)) {
            return new FerryException(
                    ErrorCode.STORE_REFUSED, what + ": its certificate is not trusted here (store.caFile names the authority that signed it): " + root.getMessage(), failed);
        }
        return new FerryException(ErrorCode.STORE_UNREACHABLE, what + " after " + tries + (tries == 1 ? " try: " : " tries: ") + root, failed);
    }
}
