package dev.ferry.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import org.junit.jupiter.api.Test;

class StoreConfigTest {
    @Test
    void anAddressMayCarryWhatAnS3ServerNeeds() {
        StoreConfig config = StoreConfig.ofUrl("s3://bucket/a/b?endpoint=http://host:9000&region=eu-1&pathStyle=false&caFile=/ca.pem");
        assertThat(config).isEqualTo(new StoreConfig("s3://bucket/a/b", "http://host:9000", "eu-1", "", "", "", false, "/ca.pem", EncryptionConfig.off()));
        assertThat(config.problems()).isEmpty();
        assertThat(StoreConfig.ofUrl("file:///folder").pathStyle()).isTrue();
    }

    @Test
    void whatIsWrongInAnAddressIsNamed() {
        assertThatThrownBy(() -> StoreConfig.ofUrl("s3://bucket?secretKey=x")).isInstanceOf(FerryException.class).hasMessageContaining("secretKey");
        assertThatThrownBy(() -> StoreConfig.ofUrl("s3://bucket?endpoint")).isInstanceOf(FerryException.class).hasMessageContaining("endpoint");
        assertThat(StoreConfig.ofUrl("ftp://host").problems()).singleElement().asString().contains("ftp://host");
        assertThat(StoreConfig.ofUrl("s3://bucket?endpoint=host:9000").problems()).singleElement().asString().contains("host:9000");
    }
}
