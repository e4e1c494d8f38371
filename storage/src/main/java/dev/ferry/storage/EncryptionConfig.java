package dev.ferry.storage;

import dev.ferry.storage.seal.MasterKey;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Encryption at rest. All parts of a cluster are given the same.
 *
 * @param masterKeyFile a file that holds the master key; empty, and no command: objects are not encrypted
 * @param masterKeyCommand a command for /bin/sh that prints the master key
 * @param previousMasterKeyFile the master key before, as long as keys are wrapped by it
 * @param acceptPlain objects that are not encrypted are read: for a store that has some from before
 */
public record EncryptionConfig(String masterKeyFile, String masterKeyCommand, String previousMasterKeyFile, boolean acceptPlain) {
    public static EncryptionConfig off() {
        return new EncryptionConfig("", "", "", false);
    }

    boolean isOn() {
        return !masterKeyFile.isEmpty() || !masterKeyCommand.isEmpty();
    }

    /** One line for each thing that is wrong, beginning with the key. */
    List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (!masterKeyFile.isEmpty() && !masterKeyCommand.isEmpty()) {
            problems.add("encryption.masterKeyFile: give either masterKeyFile or masterKeyCommand");
        }
        if (!isOn() && (acceptPlain || !previousMasterKeyFile.isEmpty())) {
            problems.add("encryption.masterKeyFile: is missing; without it nothing is encrypted");
        }
        return problems;
    }

    /**
     * The master keys, the one that wraps first.
     *
     * @throws dev.ferry.common.FerryException CONFIG_INVALID
     */
    List<MasterKey> masterKeys() {
        List<MasterKey> keys = new ArrayList<>();
        keys.add(masterKeyFile.isEmpty() ? MasterKey.ofCommand(masterKeyCommand) : MasterKey.ofFile(Path.of(masterKeyFile)));
        if (!previousMasterKeyFile.isEmpty()) {
            keys.add(MasterKey.ofFile(Path.of(previousMasterKeyFile)));
        }
        return keys;
    }
}
