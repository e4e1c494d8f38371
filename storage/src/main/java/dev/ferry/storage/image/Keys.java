package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.proto.v1.ErrorCode;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where the objects of an image lie: see docs/image-format.md. */
public final class Keys {
    private static final Pattern IMAGE = Pattern.compile("([a-z0-9][a-z0-9-]{0,62})\\.(\\d{1,10})");
    private static final Pattern MANIFEST = Pattern.compile("images/([^/]+)/0*(\\d+)\\.manifest");

    private Keys() {}

    public static String manifest(String image) {
        Matcher parts = parts(image);
        return String.format(Locale.ROOT, "images/%s/%010d.manifest", parts.group(1), Long.parseLong(parts.group(2)));
    }

    /** Begin of the keys of manifests. */
    public static String manifests(Optional<String> job) {
        return job.map(id -> "images/" + id + "/").orElse("images/");
    }

    /** The image whose manifest has this key. */
    public static String image(String manifestKey) {
        Matcher parts = MANIFEST.matcher(manifestKey);
        if (!parts.matches()) {
            throw new FerryException(ErrorCode.MANIFEST_CORRUPT, "Object " + manifestKey + " is among the manifests and is none; remove it");
        }
        return Ids.image(parts.group(1), Long.parseLong(parts.group(2)));
    }

    public static String job(String image) {
        return parts(image).group(1);
    }

    /** A name that no other writer of this image, dead or alive, has used. */
    static String pack(String image, String writer, int number) {
        Matcher parts = parts(image);
        return String.format(Locale.ROOT, "packs/%s/%010d-%s-%05d", parts.group(1), Long.parseLong(parts.group(2)), writer, number);
    }

    private static Matcher parts(String image) {
        Matcher parts = IMAGE.matcher(image);
        if (!parts.matches()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "'" + image + "' is not the id of an image; one is written JOB.NUMBER, for example j-abcdefgh.3");
        }
        return parts;
    }
}
