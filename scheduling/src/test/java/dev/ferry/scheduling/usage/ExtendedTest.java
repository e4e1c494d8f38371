package dev.ferry.scheduling.usage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Against exact arithmetic that is rounded once. */
class ExtendedTest {
    private static final int CASES = 20_000;

    /** A fraction rounded to 64 significant bits, half to even: what the format is defined to give. */
    private static BigDecimal rounded(BigInteger over, BigInteger under) {
        int shift = 64 - (over.bitLength() - under.bitLength());
        BigInteger[] parts = divide(over, under, shift);
        if (parts[0].bitLength() > 64) {
            shift--;
            parts = divide(over, under, shift);
        }
        BigInteger divisor = shift >= 0 ? under : under.shiftLeft(-shift);
        int half = parts[1].shiftLeft(1).compareTo(divisor);
        BigInteger bits = half > 0 || half == 0 && parts[0].testBit(0) ? parts[0].add(BigInteger.ONE) : parts[0];
        return shift >= 0 ? new BigDecimal(bits).divide(new BigDecimal(BigInteger.ONE.shiftLeft(shift))) : new BigDecimal(bits.shiftLeft(-shift));
    }

    private static BigInteger[] divide(BigInteger over, BigInteger under, int shift) {
        return shift >= 0 ? over.shiftLeft(shift).divideAndRemainder(under) : over.divideAndRemainder(under.shiftLeft(-shift));
    }

    private static BigInteger scaled(Extended value) {
        return value.toBigDecimal().multiply(new BigDecimal(BigInteger.ONE.shiftLeft(200))).toBigIntegerExact();
    }

    private static Extended random(Random random) {
        BigInteger bits = new BigInteger(1 + random.nextInt(64), random).add(BigInteger.ONE);
        // Runs of ones and zeros meet the borders of rounding more often than plain chance does.
        if (random.nextBoolean()) {
            bits = bits.shiftLeft(random.nextInt(20)).or(BigInteger.ONE.shiftLeft(random.nextInt(10)).subtract(BigInteger.ONE));
        }
        return Extended.of(new BigDecimal(bits).divide(new BigDecimal(BigInteger.ONE.shiftLeft(random.nextInt(60)))));
    }

    @Test
    void addsMultipliesAndDividesToTheLastBit() {
        Random random = new Random(1);
        BigInteger one = BigInteger.ONE.shiftLeft(200);
        for (int count = 0; count < CASES; count++) {
            Extended a = random(random);
            Extended b = random(random);
            BigInteger left = scaled(a);
            BigInteger right = scaled(b);
            assertThat(a.plus(b).toBigDecimal()).as("%s + %s", a, b).isEqualByComparingTo(rounded(left.add(right), one));
            assertThat(a.times(b).toBigDecimal()).as("%s * %s", a, b).isEqualByComparingTo(rounded(left.multiply(right), one.multiply(one)));
            assertThat(a.dividedBy(b).toBigDecimal()).as("%s / %s", a, b).isEqualByComparingTo(rounded(left, right));
            assertThat(a.compareTo(b)).isEqualTo(left.compareTo(right));
            assertThat(a.toDouble()).isEqualTo(a.toBigDecimal().doubleValue());
            assertThat(a.toLong()).isEqualTo(a.toBigDecimal().min(BigDecimal.valueOf(Long.MAX_VALUE)).longValue());
        }
    }

    @Test
    void takesDoublesAndDecimals() {
        Random random = new Random(2);
        for (int count = 0; count < CASES; count++) {
            double value = Math.scalb(random.nextDouble(), random.nextInt(2000) - 1000);
            assertThat(Extended.of(value).toDouble()).isEqualTo(value);
            BigDecimal decimal = new BigDecimal(new BigInteger(1 + random.nextInt(120), random), random.nextInt(40) - 10);
            if (decimal.signum() > 0) {
                BigInteger under = BigInteger.TEN.pow(40);
                assertThat(Extended.of(decimal).toBigDecimal()).isEqualByComparingTo(rounded(decimal.multiply(new BigDecimal(under)).toBigIntegerExact(), under));
            }
        }
        assertThat(Extended.of(Double.MIN_VALUE).toDouble()).isEqualTo(Double.MIN_VALUE);
    }

    @Test
    void zeroAndInfinity() {
        Extended two = Extended.of(2.0);
        assertThat(Extended.ZERO.plus(two)).isEqualTo(two);
        assertThat(two.times(Extended.ZERO)).isEqualTo(Extended.ZERO);
        assertThat(two.dividedBy(Extended.INFINITY)).isEqualTo(Extended.ZERO);
        assertThat(Extended.INFINITY.dividedBy(two)).isEqualTo(Extended.INFINITY);
        assertThat(Extended.INFINITY).isGreaterThan(two).isEqualTo(Extended.of(Double.POSITIVE_INFINITY));
        assertThat(Extended.ZERO).isLessThan(Extended.of(Double.MIN_VALUE)).isEqualTo(Extended.of(0.0));
        assertThat(Extended.INFINITY).hasToString("inf");
        assertThatThrownBy(() -> two.dividedBy(Extended.ZERO)).isInstanceOf(ArithmeticException.class);
        assertThatThrownBy(() -> Extended.of(-1.0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Extended.of(Double.NaN)).isInstanceOf(IllegalArgumentException.class);
    }
}
