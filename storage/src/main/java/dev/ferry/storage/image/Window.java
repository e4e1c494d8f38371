package dev.ferry.storage.image;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What becomes one chunk: parts of one or more pieces, without a copy. Filled by one thread, then used by another. */
final class Window {
    private final List<Part> parts = new ArrayList<>(2);
    private int length;
    private @Nullable Piece settled;

    private record Part(Piece piece, int from, int to) {}

    int length() {
        return length;
    }

    void add(Piece piece, int from, int to) {
        length += to - from;
        Part last = parts.isEmpty() ? null : parts.getLast();
        if (last != null && last.piece() == piece && last.to() == from) {
            parts.set(parts.size() - 1, new Part(piece, last.from(), to));
        } else {
            parts.add(new Part(piece.use(), from, to));
        }
    }

    /** Gives up the last bytes. */
    void cutTo(int bytes) {
        while (length > bytes) {
            Part last = parts.removeLast();
            int less = Math.min(length - bytes, last.to() - last.from());
            length -= less;
            if (last.from() + less < last.to()) {
                parts.add(new Part(last.piece(), last.from(), last.to() - less));
            } else {
                last.piece().release();
            }
        }
    }

    void digest(MessageDigest digest) {
        for (Part part : parts) {
            digest.update(view(part));
        }
    }

    void check(ChunkCheck check) {
        for (Part part : parts) {
            check.update(view(part));
        }
    }

    void hash(WindowHash hash) {
        for (Part part : parts) {
            hash.update(view(part));
        }
    }

    boolean isZero() {
        for (Part part : parts) {
            if (!Zeros.are(part.piece().bytes(), part.from(), part.to())) {
                return false;
            }
        }
        return true;
    }

    /**
     * All bytes in one direct buffer.
     *
     * @param room a direct buffer that is used if they don't lie so
     */
    ByteBuffer contiguous(ByteBuffer room) {
        if (parts.size() == 1 && parts.getFirst().piece().bytes().isDirect()) {
            return view(parts.getFirst());
        }
        room.clear();
        parts.forEach(part -> room.put(view(part)));
        return room.flip();
    }

    private static ByteBuffer view(Part part) {
        return part.piece().bytes().duplicate().limit(part.to()).position(part.from());
    }

    /** Lets the pieces go: the bytes are copied to the heap, unless they have been before. */
    void settle() {
        if (length == 0 || (parts.size() == 1 && parts.getFirst().piece() == settled)) {
            return;
        }
        ByteBuffer copy = ByteBuffer.allocate(length);
        parts.forEach(part -> copy.put(view(part)));
        release();
        Piece piece = new Piece(copy.flip(), () -> {});
        settled = piece;
        parts.add(new Part(piece, 0, copy.limit()));
    }

    void release() {
        parts.forEach(part -> part.piece().release());
        parts.clear();
    }
}
