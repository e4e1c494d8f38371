package dev.ferry.coordinator.evacuation;

import dev.ferry.proto.v1.Image;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** One job of a {@link Replay}: what it does, what is safe of it, and the images that decisions look at. Times are in milliseconds. */
final class ReplayedJob {
    /** The first sends all there is; decisions look at no others but it and the last two. */
    private static final int KEPT_IMAGES = 3;

    /** What its time goes to. */
    enum Doing {
        WORKING,
        /** It stands still for an image, and goes on where it is. */
        FROZEN,
        /** It stands still until it works on another machine. */
        MOVING,
        /** There is no machine for it: no time of any. */
        NOTHING
    }

    private final String name;
    private final ReplayTerms terms;
    private final List<Image> images = new ArrayList<>();
    private final long[] spent = new long[Doing.values().length];
    private Doing doing = Doing.NOTHING;
    private long since;
    private long saved;
    private long lost;
    private long lifeBegan;
    private long longestImage;
    private long imagesMade;
    private long stay;
    private long look;
    private Optional<Duration> interval = Optional.empty();
    private Optional<Long> dumpingSince = Optional.empty();
    private boolean imaging;

    ReplayedJob(String name, ReplayTerms terms) {
        this.name = name;
        this.terms = terms;
    }

    String name() {
        return name;
    }

    void turn(Doing to, long now) {
        spent[doing.ordinal()] += now - since;
        since = now;
        doing = to;
    }

    long spent(Doing on) {
        return spent[on.ordinal()];
    }

    boolean works() {
        return doing == Doing.WORKING;
    }

    /** Its life on a machine begins to work. */
    void live(long now) {
        turn(Doing.WORKING, now);
        lifeBegan = now;
    }

    /** It is on this machine no more: what was meant for it there is void. */
    void leave() {
        stay++;
        imaging = false;
        dumpingSince = Optional.empty();
    }

    /** The number of its stay on a machine. */
    long stay() {
        return stay;
    }

    /** The number of the look at it that counts: an earlier one is void. */
    long nextLook() {
        return ++look;
    }

    boolean isLook(long number) {
        return look == number;
    }

    /** How long it has worked in all, with what was lost of it. */
    private long worked(long now) {
        return spent(Doing.WORKING) + (works() ? now - since : 0);
    }

    /** How long it has worked for what would be lost now. */
    long unsafe(long now) {
        return worked(now) - lost - saved;
    }

    /** Work that counts. */
    long useful(long now) {
        return worked(now) - lost;
    }

    long lost() {
        return lost;
    }

    /**
     * It goes back to its last image.
     *
     * @return how much it loses
     */
    long fallBack(long now) {
        long loses = unsafe(now);
        lost += loses;
        return loses;
    }

    void imaging(boolean is) {
        imaging = is;
    }

    /** Whether a background image of it is on its way. */
    boolean isImaging() {
        return imaging;
    }

    void dumping(Optional<Long> began) {
        dumpingSince = began;
    }

    /** Whether an evacuation can do something for it, or does. */
    boolean isAtStake() {
        return works() || imaging || dumpingSince.isPresent();
    }

    /**
     * An image is whole.
     *
     * @param useful how much it had done at its freeze
     */
    void saved(long useful, long frozenAt, long sentBytes, long tookMillis) {
        saved = useful;
        imagesMade++;
        longestImage = Math.max(longestImage, tookMillis);
        images.add(Image.newBuilder().setId(name + "." + imagesMade).setCreatedAt(frozenAt).setBytes(terms.stateBytes()).setSentBytes(sentBytes).setFreezeMicros(terms.freeze().toNanos() / 1000).build());
        if (images.size() > KEPT_IMAGES) {
            images.remove(1);
        }
    }

    /** What an image would send, as it is in truth. */
    long sendsNow(long now) {
        return images.isEmpty() ? terms.stateBytes() : terms.newBytes(unsafe(now));
    }

    List<Image> images() {
        return images;
    }

    Optional<Image> lastImage() {
        return images.isEmpty() ? Optional.empty() : Optional.of(images.getLast());
    }

    long imagesMade() {
        return imagesMade;
    }

    /** As {@link Situation} has it. */
    Duration unsaved(long now) {
        return Duration.ofMillis(Math.max(0, now - Math.max(lifeBegan, lastImage().map(Image::getCreatedAt).orElse(0L))));
    }

    void decided(Duration every) {
        interval = Optional.of(every);
    }

    /** The most that an end without a word should cost it, in milliseconds: its interval, and the time of an image. */
    long mostLost() {
        return interval.map(Duration::toMillis).orElse(0L) + longestImage;
    }

    /** As {@link Situation} has a job of a machine that goes away. */
    JobAtStake atStake(long now, boolean room) {
        Duration unsaved = unsaved(now);
        long sends = images.isEmpty() ? terms.stateBytes() : Situation.sendBytes(images, unsaved);
        Optional<Duration> underWay = dumpingSince.map(began -> Duration.ofMillis(now - began));
        return new JobAtStake(name, 1 + terms.gpus() * Situation.GPU_WEIGHT, unsaved, lastImage().map(Image::getId), terms.stateBytes(), sends, room, Optional.empty(), underWay);
    }
}
