package dev.ferry.scheduling.usage;

import java.time.DayOfWeek;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.temporal.IsoFields;
import java.time.temporal.TemporalAdjusters;
import java.util.Optional;

/** When all usage is set to zero, as Slurm's PriorityUsageResetPeriod has it: at midnight, local time. */
public enum ResetPeriod {
    NONE,
    DAILY,
    /** On Sundays. */
    WEEKLY,
    MONTHLY,
    QUARTERLY,
    YEARLY;

    /** The first reset after a time; empty when there is none. */
    public Optional<LocalDateTime> next(LocalDateTime after) {
        LocalDate day = after.toLocalDate();
        return switch (this) {
            case NONE -> Optional.empty();
            case DAILY -> Optional.of(day.plusDays(1).atStartOfDay());
            case WEEKLY -> Optional.of(day.with(TemporalAdjusters.next(DayOfWeek.SUNDAY)).atStartOfDay());
            case MONTHLY -> Optional.of(day.with(TemporalAdjusters.firstDayOfNextMonth()).atStartOfDay());
            case QUARTERLY -> Optional.of(day.with(IsoFields.DAY_OF_QUARTER, 1).plus(1, IsoFields.QUARTER_YEARS).atStartOfDay());
            case YEARLY -> Optional.of(day.with(TemporalAdjusters.firstDayOfNextYear()).atStartOfDay());
        };
    }

    /** Whether a reset lies behind {@code from} and not behind {@code to}. */
    public boolean isBetween(LocalDateTime from, LocalDateTime to) {
        return next(from).filter(reset -> !reset.isAfter(to)).isPresent();
    }
}
