package dev.ferry.storage.object;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.StoreConfig;
import io.minio.MinioClient;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import okhttp3.OkHttpClient;

/** Makes the S3 client that a configuration asks for. */
final class S3Client {
    private static final Duration CONNECT = Duration.ofSeconds(5);
    private static final Duration TRANSFER = Duration.ofSeconds(30);
    static final Duration WHOLE_CALL = Duration.ofMinutes(5);

    private S3Client() {}

    static MinioClient of(StoreConfig config) {
        OkHttpClient.Builder http =
                new OkHttpClient.Builder().connectTimeout(CONNECT).readTimeout(TRANSFER).writeTimeout(TRANSFER).callTimeout(WHOLE_CALL);
        if (!config.caFile().isEmpty()) {
            trust(http, Path.of(config.caFile()));
        }
        String region = config.region().isEmpty() ? "us-east-1" : config.region();
        MinioClient.Builder builder =
                MinioClient.builder()
                        .endpoint(config.endpoint().isEmpty() ? "https://s3." + region + ".amazonaws.com" : config.endpoint())
                        .region(region)
                        .httpClient(http.build(), true);
        String access = config.accessKey().isEmpty() ? environment("AWS_ACCESS_KEY_ID") : config.accessKey();
        if (!access.isEmpty()) {
            builder.credentials(access, secret(config));
        }
        MinioClient client = builder.build();
        if (config.pathStyle()) {
            client.disableVirtualStyleEndpoint();
        } else {
            client.enableVirtualStyleEndpoint();
        }
        return client;
    }

    private static String secret(StoreConfig config) {
        if (!config.secretKey().isEmpty()) {
            return config.secretKey();
        }
        if (config.secretKeyFile().isEmpty()) {
            return environment("AWS_SECRET_ACCESS_KEY");
        }
        try {
            return Files.readString(Path.of(config.secretKeyFile())).trim();
        } catch (IOException unreadable) {
            throw new FerryException(ErrorCode.CONFIG_INVALID, "store.secretKeyFile: " + config.secretKeyFile() + " can't be read: " + unreadable, unreadable);
        }
    }

    private static String environment(String name) {
        return Optional.ofNullable(System.getenv(name)).orElse("");
    }

    private static void trust(OkHttpClient.Builder http, Path pem) {
        try (InputStream file = Files.newInputStream(pem)) {
            KeyStore authorities = KeyStore.getInstance(KeyStore.getDefaultType());
            authorities.load(null, null);
            int number = 0;
            for (Certificate certificate : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
                authorities.setCertificateEntry("ca-" + number++, certificate);
            }
            TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            factory.init(authorities);
            for (TrustManager manager : factory.getTrustManagers()) {
                if (manager instanceof X509TrustManager x509) {
                    SSLContext context = SSLContext.getInstance("TLS");
                    context.init(null, new TrustManager[] {x509}, null);
                    http.sslSocketFactory(context.getSocketFactory(), x509);
                }
            }
        } catch (IOException | GeneralSecurityException unusable) {
            throw new FerryException(ErrorCode.CONFIG_INVALID, "store.caFile: " + pem + " is not a PEM file of certificates: " + unusable.getMessage(), unusable);
        }
    }
}
