package dev.ferry.scheduling.usage;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;

/**
 * A number of the x87 extended format, not below zero: 64 bits of significand, each operation rounded to nearest, ties to even.
 *
 * <p>Slurm keeps usage in {@code long double}, which is this on x86-64. The eleven bits more than a double are seen: usage of 10^12 is printed with six decimals, and whether two
 * associations are level (Fair Tree ranks them alike then) is a comparison of all bits. The exponent has no bounds here, so nothing overflows or becomes subnormal.
 */
public final class Extended implements Comparable<Extended> {
    public static final Extended ZERO = new Extended(0, 0);
    public static final Extended INFINITY = new Extended(Long.MIN_VALUE, Integer.MAX_VALUE);

    private static final int BITS = 64;
    private static final int DOUBLE_BITS = 53;
    private static final long LOW_32 = 0xFFFF_FFFFL;

    /** Unsigned; the highest bit is set unless the number is zero. The value is significand * 2^exponent. */
    private final long significand;

    private final int exponent;

    private Extended(long significand, int exponent) {
        this.significand = significand;
        this.exponent = exponent;
    }

    /**
     * Exactly this double.
     *
     * @throws IllegalArgumentException below zero or not a number
     */
    public static Extended of(double value) {
        if (!(value >= 0)) {
            throw new IllegalArgumentException("Usage can't be " + value);
        }
        if (value == 0) {
            return ZERO;
        }
        if (Double.isInfinite(value)) {
            return INFINITY;
        }
        int power = Math.max(Math.getExponent(value), Double.MIN_EXPONENT) - (DOUBLE_BITS - 1);
        long bits = (long) Math.scalb(value, -power);
        int zeros = Long.numberOfLeadingZeros(bits);
        return new Extended(bits << zeros, power - zeros);
    }

    /** The nearest to a decimal number. */
    public static Extended of(BigDecimal value) {
        if (value.signum() < 0) {
            throw new IllegalArgumentException("Usage can't be " + value);
        }
        if (value.signum() == 0) {
            return ZERO;
        }
        BigInteger over = value.unscaledValue();
        BigInteger under = BigInteger.ONE;
        if (value.scale() > 0) {
            under = BigInteger.TEN.pow(value.scale());
        } else {
            over = over.multiply(BigInteger.TEN.pow(-value.scale()));
        }
        // A quotient of 66 bits or more and a last bit that says whether anything follows: rounded once, below.
        int shift = BITS + 2 - (over.bitLength() - under.bitLength());
        BigInteger[] parts = (shift > 0 ? over.shiftLeft(shift) : over).divideAndRemainder(shift > 0 ? under : under.shiftLeft(-shift));
        BigInteger quotient = parts[0].shiftLeft(1).add(parts[1].signum() == 0 ? BigInteger.ZERO : BigInteger.ONE);
        int drop = quotient.bitLength() - BITS;
        BigInteger kept = quotient.shiftRight(drop);
        long rest = quotient.subtract(kept.shiftLeft(drop)).shiftLeft(BITS - drop).longValue();
        return round(kept.longValue(), rest, false, drop - 1 - shift);
    }

    public Extended plus(Extended other) {
        if (isZero() || other == INFINITY) {
            return other;
        }
        if (other.isZero() || this == INFINITY) {
            return this;
        }
        Extended large = exponent >= other.exponent ? this : other;
        Extended small = large == this ? other : this;
        long shift = (long) large.exponent - small.exponent;
        long high = 0;
        long low = 0;
        boolean sticky = false;
        if (shift == 0) {
            high = small.significand;
        } else if (shift < BITS) {
            high = small.significand >>> shift;
            low = small.significand << (BITS - shift);
        } else if (shift < 2 * BITS) {
            low = shift == BITS ? small.significand : small.significand >>> (shift - BITS);
            sticky = shift != BITS && small.significand << (2 * BITS - shift) != 0;
        } else {
            sticky = true;
        }
        long sum = large.significand + high;
        if (Long.compareUnsigned(sum, high) < 0) {
            sticky |= (low & 1) != 0;
            low = low >>> 1 | sum << (BITS - 1);
            return round(sum >>> 1 | Long.MIN_VALUE, low, sticky, large.exponent + 1);
        }
        return round(sum, low, sticky, large.exponent);
    }

    public Extended times(Extended other) {
        if (isZero() || other.isZero()) {
            return ZERO;
        }
        if (this == INFINITY || other == INFINITY) {
            return INFINITY;
        }
        long high = Math.unsignedMultiplyHigh(significand, other.significand);
        long low = significand * other.significand;
        int power = exponent + other.exponent + BITS;
        if (high > 0) {
            high = high << 1 | low >>> (BITS - 1);
            low <<= 1;
            power--;
        }
        return round(high, low, false, power);
    }

    /** This by another that is not zero. */
    public Extended dividedBy(Extended other) {
        if (other.isZero()) {
            throw new ArithmeticException("Division by zero");
        }
        if (isZero() || other == INFINITY) {
            return ZERO;
        }
        if (this == INFINITY) {
            return INFINITY;
        }
        boolean below = Long.compareUnsigned(significand, other.significand) < 0;
        // The dividend is shifted so that the quotient has exactly 64 bits.
        long high = below ? significand : significand >>> 1;
        long low = below ? 0 : significand << (BITS - 1);
        long quotient = divide(high, low, other.significand);
        long remainder = low - quotient * other.significand;
        int power = exponent - other.exponent - (below ? BITS : BITS - 1);
        // remainder / divisor as a fraction of one: at least a half when twice the remainder reaches the divisor.
        boolean half = remainder < 0 || Long.compareUnsigned(remainder << 1, other.significand) >= 0;
        boolean exactHalf = remainder >= 0 && remainder << 1 == other.significand;
        return round(quotient, half ? Long.MIN_VALUE : 0, half ? !exactHalf : remainder != 0, power);
    }

    /** Unsigned division of 128 bits by 64, by two digits of 32 bits; the quotient fits because high is below the divisor, whose highest bit is set. */
    private static long divide(long high, long low, long divisor) {
        long top = divisor >>> 32;
        long bottom = divisor & LOW_32;
        long first = digit(high, low >>> 32, top, bottom);
        long middle = (high << 32 | low >>> 32) - first * divisor;
        long second = digit(middle, low & LOW_32, top, bottom);
        return first << 32 | second;
    }

    /** One digit: (rest * 2^32 + next) / divisor, estimated by the divisor's upper half and corrected at most twice. */
    private static long digit(long rest, long next, long top, long bottom) {
        long digit = Long.divideUnsigned(rest, top);
        long left = rest - digit * top;
        while (digit > LOW_32 || Long.compareUnsigned(digit * bottom, left << 32 | next) > 0) {
            digit--;
            left += top;
            if (left > LOW_32) {
                break;
            }
        }
        return digit;
    }

    private static Extended round(long high, long low, boolean sticky, int exponent) {
        boolean up = low < 0 && (low != Long.MIN_VALUE || sticky || (high & 1) != 0);
        if (!up) {
            return new Extended(high, exponent);
        }
        long next = high + 1;
        return next == 0 ? new Extended(Long.MIN_VALUE, exponent + 1) : new Extended(next, exponent);
    }

    public boolean isZero() {
        return significand == 0;
    }

    /** The nearest double. */
    public double toDouble() {
        if (this == INFINITY) {
            return Double.POSITIVE_INFINITY;
        }
        int drop = BITS - DOUBLE_BITS;
        long kept = significand >>> drop;
        long rest = significand & ((1L << drop) - 1);
        long half = 1L << (drop - 1);
        if (rest > half || rest == half && (kept & 1) != 0) {
            kept++;
        }
        return Math.scalb((double) kept, exponent + drop);
    }

    /** The whole part, at most {@link Long#MAX_VALUE}. */
    public long toLong() {
        if (exponent >= 0) {
            return isZero() ? 0 : Long.MAX_VALUE;
        }
        return exponent <= -BITS ? 0 : significand >>> -exponent;
    }

    /**
     * Exactly this number in decimal.
     *
     * @throws ArithmeticException for infinity
     */
    public BigDecimal toBigDecimal() {
        if (this == INFINITY) {
            throw new ArithmeticException("Infinity has no decimal form");
        }
        BigDecimal whole = new BigDecimal(new BigInteger(Long.toUnsignedString(significand)));
        return exponent >= 0 ? whole.multiply(new BigDecimal(BigInteger.ONE.shiftLeft(exponent))) : whole.divide(new BigDecimal(BigInteger.ONE.shiftLeft(-exponent)));
    }

    @Override
    public int compareTo(Extended other) {
        if (isZero() || other.isZero()) {
            return Boolean.compare(!isZero(), !other.isZero());
        }
        return exponent != other.exponent ? Integer.compare(exponent, other.exponent) : Long.compareUnsigned(significand, other.significand);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Extended number && compareTo(number) == 0;
    }

    @Override
    public int hashCode() {
        return Long.hashCode(significand) * 31 + exponent;
    }

    @Override
    public String toString() {
        return this == INFINITY ? "inf" : toBigDecimal().setScale(6, RoundingMode.HALF_EVEN).toPlainString();
    }
}
