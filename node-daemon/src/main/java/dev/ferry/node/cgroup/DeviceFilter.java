package dev.ferry.node.cgroup;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * A program of the kernel that allows what some rules allow and nothing else. It is given a struct bpf_cgroup_dev_ctx: {@code u32} access and type,
 * major, minor; and answers 1 or 0. There are no jumps backwards and no memory is written, so the kernel's verifier takes it as it is.
 */
final class DeviceFilter {
    private static final int BYTES = 8;
    /** What a rule takes at most. */
    private static final int RULE = 8;
    private static final int BLOCK = 1;
    private static final int CHARACTER = 2;
    private static final int MKNOD = 1;
    private static final int READ = 2;
    private static final int WRITE = 4;
    private static final int ACCESS_SHIFT = 16;

    // linux/bpf_common.h and linux/bpf.h: class, size or operation, source.
    private static final int LOAD_WORD = 0x61;
    private static final int MOVE_REGISTER = 0xbc;
    private static final int MOVE_VALUE = 0xb7;
    private static final int AND = 0x54;
    private static final int SHIFT_RIGHT = 0x74;
    private static final int JUMP_IF_OTHER = 0x55;
    private static final int EXIT = 0x95;

    // r1 holds the context, and later what is left of the access.
    private static final int ANSWER = 0;
    private static final int CONTEXT = 1;
    private static final int TYPE = 2;
    private static final int ACCESS = 3;
    private static final int MAJOR = 4;
    private static final int MINOR = 5;

    private final ByteBuffer code;

    private DeviceFilter(int rules) {
        code = ByteBuffer.allocate(BYTES * (8 + RULE * rules)).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** The program's instructions. */
    static byte[] of(List<DeviceRule> rules) {
        DeviceFilter filter = new DeviceFilter(rules.size());
        filter.add(LOAD_WORD, TYPE, CONTEXT, 0, 0);
        filter.add(AND, TYPE, 0, 0, 0xffff);
        filter.add(LOAD_WORD, ACCESS, CONTEXT, 0, 0);
        filter.add(SHIFT_RIGHT, ACCESS, 0, 0, ACCESS_SHIFT);
        filter.add(LOAD_WORD, MAJOR, CONTEXT, 4, 0);
        filter.add(LOAD_WORD, MINOR, CONTEXT, 8, 0);
        rules.forEach(filter::add);
        filter.answer(0);
        byte[] instructions = new byte[filter.code.position()];
        filter.code.flip().get(instructions);
        return instructions;
    }

    private void add(DeviceRule rule) {
        int numbers = (rule.major() == DeviceRule.ANY ? 0 : 1) + (rule.minor() == DeviceRule.ANY ? 0 : 1);
        // Each comparison jumps over what is left of the rule: itself is counted off.
        int left = 5 + numbers;
        add(JUMP_IF_OTHER, TYPE, 0, left, rule.type() == 'b' ? BLOCK : CHARACTER);
        add(MOVE_REGISTER, CONTEXT, ACCESS, 0, 0);
        add(AND, CONTEXT, 0, 0, ~access(rule));
        left -= 3;
        add(JUMP_IF_OTHER, CONTEXT, 0, left, 0);
        if (rule.major() != DeviceRule.ANY) {
            add(JUMP_IF_OTHER, MAJOR, 0, --left, rule.major());
        }
        if (rule.minor() != DeviceRule.ANY) {
            add(JUMP_IF_OTHER, MINOR, 0, --left, rule.minor());
        }
        answer(1);
    }

    private static int access(DeviceRule rule) {
        return (rule.access().contains("m") ? MKNOD : 0) | (rule.access().contains("r") ? READ : 0) | (rule.access().contains("w") ? WRITE : 0);
    }

    private void answer(int value) {
        add(MOVE_VALUE, ANSWER, 0, 0, value);
        add(EXIT, 0, 0, 0, 0);
    }

    private void add(int operation, int to, int from, int offset, int value) {
        code.put((byte) operation).put((byte) (from << 4 | to)).putShort((short) offset).putInt(value);
    }
}
