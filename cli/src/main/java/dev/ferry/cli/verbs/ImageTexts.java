package dev.ferry.cli.verbs;

import dev.ferry.cli.output.Table;
import dev.ferry.cli.output.Texts;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.ImageContent;
import dev.ferry.proto.v1.ImageDiff;
import dev.ferry.proto.v1.MemoryKind;
import dev.ferry.proto.v1.PartDiff;
import dev.ferry.proto.v1.ProcessFacts;

/** What is in images, as people read it. */
final class ImageTexts {
    private static final int MOST_LINES = 40;

    private ImageTexts() {}

    static String content(ImageContent content, Image image) {
        StringBuilder text = new StringBuilder();
        if (!content.getUnreadable().isEmpty()) {
            text.append("\nprocesses can't be shown: ").append(content.getUnreadable()).append('\n');
        }
        if (content.getProcessesCount() > 0) {
            Table processes = new Table("PID", "PARENT", "NAME", "THREADS", "MAPPED", "SAVED");
            for (ProcessFacts process : content.getProcessesList()) {
                processes.row(Integer.toString(process.getPid()), Integer.toString(process.getParent()), process.getName(), Integer.toString(process.getThreads()), Texts.bytes(process.getMappedBytes()), Texts.bytes(process.getSavedBytes()));
            }
            Table memory = new Table("MEMORY", "MAPPED", "SAVED");
            for (MemoryKind kind : content.getMemoryList()) {
                memory.row(kind.getKind(), Texts.bytes(kind.getMappedBytes()), Texts.bytes(kind.getSavedBytes()));
            }
            text.append('\n').append(processes).append('\n').append(memory);
        }
        lines(text, "files open or mapped", content.getFilesList());
        lines(text, "sockets", content.getSocketsList());
        if (content.getOtherDescriptors() > 0) {
            text.append("and ").append(content.getOtherDescriptors()).append(" pipes, terminals and the like\n");
        }
        Table savings = new Table("AFTER", "SIZE");
        savings.row("all bytes", Texts.bytes(content.getPlainBytes()));
        savings.row("zeros left out", Texts.bytes(content.getNonZeroBytes()));
        savings.row("each chunk once", Texts.bytes(content.getUniqueBytes()));
        savings.row("compressed", Texts.bytes(content.getStoredBytes()));
        savings.row("sent, the store had the rest", Texts.bytes(image.getSentBytes()));
        return text.append('\n').append(savings).toString();
    }

    private static void lines(StringBuilder text, String what, java.util.List<String> lines) {
        if (lines.isEmpty()) {
            return;
        }
        text.append('\n').append(what).append(" (").append(lines.size()).append(")\n");
        lines.stream().limit(MOST_LINES).forEach(line -> text.append("  ").append(line).append('\n'));
        if (lines.size() > MOST_LINES) {
            text.append("  and ").append(lines.size() - MOST_LINES).append(" more: -o json has all\n");
        }
    }

    static String diff(ImageDiff diff) {
        String first = diff.getFirst().getId();
        String second = diff.getSecond().getId();
        StringBuilder text = new StringBuilder();
        text.append(Texts.bytes(diff.getGoneBytes())).append(" of ").append(first).append(" are not in ").append(second).append("; ").append(Texts.bytes(diff.getNewBytes())).append(" of ").append(second).append(" are not in ").append(first).append('\n');
        Table table = new Table("PART", "FIRST", "SECOND", "GONE", "NEW");
        for (PartDiff part : diff.getPartsList()) {
            if (part.getGoneBytes() > 0 || part.getNewBytes() > 0 || part.getInFirst() != part.getInSecond()) {
                table.row(part.getName(), part.getInFirst() ? Texts.bytes(part.getFirstBytes()) : "", part.getInSecond() ? Texts.bytes(part.getSecondBytes()) : "", Texts.bytes(part.getGoneBytes()), Texts.bytes(part.getNewBytes()));
            }
        }
        text.append(table);
        lines(text, "files of the job: + new, - gone, ~ changed", diff.getChangedFilesList());
        return text.toString();
    }
}
