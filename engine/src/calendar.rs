//! Business days: the day that a payment is settled with.

use serde::{Deserialize, Serialize};
use time::{Date, Month};

const MS_PER_MINUTE: i64 = 60_000;
const MS_PER_DAY: i64 = 86_400_000;
const UNIX_EPOCH_JULIAN_DAY: i32 = 2_440_588;

/// A business day, counted in days since 1970-01-01.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct BusinessDate(pub u32);

impl BusinessDate {
    /// Writes the day as a decimal number `YYYYMMDD`; 0 beyond the year 9999.
    #[must_use]
    pub fn yyyymmdd(self) -> u32 {
        let julian = i32::try_from(self.0).ok().and_then(|d| d.checked_add(UNIX_EPOCH_JULIAN_DAY));
        let Some(Ok(date)) = julian.map(Date::from_julian_day) else { return 0 };
        let (year, month, day) = date.to_calendar_date();
        let year = u32::try_from(year).unwrap_or(0);
        let below_the_year = u32::from(u8::from(month)).saturating_mul(100);
        year.saturating_mul(10_000).saturating_add(below_the_year).saturating_add(u32::from(day))
    }

    /// Reads a decimal number `YYYYMMDD`; nothing if there is no such day since 1970.
    #[must_use]
    pub fn from_yyyymmdd(number: u32) -> Option<Self> {
        let year = i32::try_from(number / 10_000).ok()?;
        let month = u8::try_from(number / 100 % 100).ok().and_then(|m| Month::try_from(m).ok())?;
        let day = u8::try_from(number % 100).ok()?;
        let julian = Date::from_calendar_date(year, month, day).ok()?.to_julian_day();
        u32::try_from(julian.checked_sub(UNIX_EPOCH_JULIAN_DAY)?).ok().map(Self)
    }
}

/// Says which business day an instant belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    /// The processor's local time, in minutes east of UTC (Japan: 540).
    pub utc_offset_minutes: i32,
    /// When a business day begins, in minutes after local midnight: later payments belong to it.
    pub cut_off_minutes: u32,
}

impl Default for Calendar {
    /// Japan, with the day's end at midnight.
    fn default() -> Self {
        Self { utc_offset_minutes: 540, cut_off_minutes: 0 }
    }
}

impl Calendar {
    /// Finds the business day of an instant given in milliseconds since the Unix epoch.
    #[must_use]
    pub fn date(self, at_ms: u64) -> BusinessDate {
        let shift = i64::from(self.utc_offset_minutes)
            .saturating_sub(i64::from(self.cut_off_minutes))
            .saturating_mul(MS_PER_MINUTE);
        let local = i64::try_from(at_ms).unwrap_or(i64::MAX).saturating_add(shift);
        BusinessDate(u32::try_from(local.div_euclid(MS_PER_DAY)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::{BusinessDate, Calendar};

    #[test]
    fn days_are_written_by_the_gregorian_calendar() {
        let days = [(0, 19_700_101), (59, 19_700_301), (11_016, 20_000_229), (11_017, 20_000_301)];
        for (day, written) in days.into_iter().chain([(20_779, 20_261_122), (20_818, 20_261_231)]) {
            assert_eq!(BusinessDate(day).yyyymmdd(), written, "day {day}");
            assert_eq!(BusinessDate::from_yyyymmdd(written), Some(BusinessDate(day)));
        }
        for number in [0, 20_261_131, 20_261_301, 20_260_229, 20_261_100, 19_691_231, u32::MAX] {
            assert_eq!(BusinessDate::from_yyyymmdd(number), None, "{number}");
        }
    }

    #[test]
    fn a_day_begins_at_the_cut_off_in_local_time() {
        let calendar = Calendar { utc_offset_minutes: 540, cut_off_minutes: 30 };
        let local_midnight_ms = 20_779 * 86_400_000 - 540 * 60_000;
        assert_eq!(calendar.date(local_midnight_ms), BusinessDate(20_778));
        assert_eq!(calendar.date(local_midnight_ms + 30 * 60_000 - 1), BusinessDate(20_778));
        assert_eq!(calendar.date(local_midnight_ms + 30 * 60_000), BusinessDate(20_779));
    }
}
