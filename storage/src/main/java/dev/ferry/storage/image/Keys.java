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
    /** Begin of the keys of all packs. */
    public static final String PACKS = "packs/";

    /** Begin of the keys of holds: {@code holds/<job>/<sequence>-<writer>}. */
    public static final String HOLDS = "holds/";

    /** Begin of the keys of condemned packs' marks; the pack's own key follows. */
    public static final String CONDEMNED = "condemned/";

    /** The object that says which store this is. */
    public static final String IDENTITY = "store-id";

    /** Begin of the keys of objects that were only tried out. */
    public static final String PROBES = "probe/";

    private static final Pattern IMAGE = Pattern.compile("([a-z0-9][a-z0-9-]{0,62})\\.(\\d{1,10})");
    /** Begin of the keys of what was copied ahead. */
    public static final String PRE_COPIES = "precopy/";

    private static final Pattern PACK = Pattern.compile("packs/([^/]+/\\d{10}-[a-z0-9]+)-\\d{5,}");
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

    /** The number of an image among its job's. */
    public static long sequence(String image) {
        return Long.parseLong(parts(image).group(2));
    }

    /** A name that no other writer of this image, dead or alive, has used. */
    static String pack(String image, String writer, int number) {
        Matcher parts = parts(image);
        return String.format(Locale.ROOT, "packs/%s/%010d-%s-%05d", parts.group(1), Long.parseLong(parts.group(2)), writer, number);
    }

    public static String packs(String job) {
        return PACKS + job + "/";
    }

    public static String hold(String image, String writer) {
        Matcher parts = parts(image);
        return String.format(Locale.ROOT, "%s%s/%010d-%s", HOLDS, parts.group(1), Long.parseLong(parts.group(2)), writer);
    }

    /**
     * The hold of the writer that made a pack, which says by itself that the pack is needed.
     *
     * @return empty when this is no key of a pack
     */
    public static Optional<String> holdOf(String pack) {
        Matcher parts = PACK.matcher(pack);
        return parts.matches() ? Optional.of(HOLDS + parts.group(1)) : Optional.empty();
    }

    public static String condemned(String pack) {
        return CONDEMNED + pack;
    }

    /** Begin of the keys of all packs that writers of this image sent. */
    static String packsOf(String image) {
        Matcher parts = parts(image);
        return String.format(Locale.ROOT, "%s%s/%010d-", PACKS, parts.group(1), Long.parseLong(parts.group(2)));
    }

    /** Begin of the keys of the holds of all writers of this image. */
    static String holds(String image) {
        return hold(image, "");
    }

    /** What was copied ahead for an image while its job ran. */
    public static String preCopy(String image) {
        Matcher parts = parts(image);
        return String.format(Locale.ROOT, "%s%s/%010d.manifest", PRE_COPIES, parts.group(1), Long.parseLong(parts.group(2)));
    }

    /** Begin of the keys of a job's pre-copies. */
    public static String preCopies(String job) {
        return PRE_COPIES + job + "/";
    }

    private static Matcher parts(String image) {
        Matcher parts = IMAGE.matcher(image);
        if (!parts.matches()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "'" + image + "' is not the id of an image; one is written JOB.NUMBER, for example j-abcdefgh.3");
        }
        return parts;
    }
}
