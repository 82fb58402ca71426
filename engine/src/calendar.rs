//! Business days: the day that a payment is settled with.

use serde::{Deserialize, Serialize};

const MS_PER_MINUTE: i64 = 60_000;
const MS_PER_DAY: i64 = 86_400_000;

/// A business day, counted in days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BusinessDate(pub u32);

impl BusinessDate {
    /// Writes the day as a decimal number `YYYYMMDD`.
    ///
    /// # Source
    /// The proleptic Gregorian calendar of ISO 8601, by counting eras of 400 years from March.
    #[must_use]
    pub fn yyyymmdd(self) -> u32 {
        // Days are shifted so that an era begins on a first of March and leap days come last.
        let days = u64::from(self.0).saturating_add(719_468);
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era + day_of_era / 36_524 - day_of_era / 1_460 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era + year_of_era / 100 - (365 * year_of_era + year_of_era / 4);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let (month, carry) = if month_from_march < 10 {
            (month_from_march + 3, 0)
        } else {
            (month_from_march - 9, 1)
        };
        let year = year_of_era + era * 400 + carry;
        u32::try_from(year * 10_000 + month * 100 + day).unwrap_or(u32::MAX)
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
        Self {
            utc_offset_minutes: 540,
            cut_off_minutes: 0,
        }
    }
}

impl Calendar {
    /// Finds the business day of an instant given in milliseconds since the Unix epoch.
    #[must_use]
    pub fn date(self, at_ms: u64) -> BusinessDate {
        let shift = i64::from(self.utc_offset_minutes)
            .saturating_sub(i64::from(self.cut_off_minutes))
            .saturating_mul(MS_PER_MINUTE);
        let local = i64::try_from(at_ms)
            .unwrap_or(i64::MAX)
            .saturating_add(shift);
        BusinessDate(u32::try_from(local.div_euclid(MS_PER_DAY)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::{BusinessDate, Calendar};

    #[test]
    fn days_are_written_by_the_gregorian_calendar() {
        let days = [
            (0, 19_700_101),
            (59, 19_700_301),
            (11_016, 20_000_229),
            (11_017, 20_000_301),
        ];
        for (day, written) in days
            .into_iter()
            .chain([(20_779, 20_261_122), (20_818, 20_261_231)])
        {
            assert_eq!(BusinessDate(day).yyyymmdd(), written, "day {day}");
        }
    }

    #[test]
    fn a_day_begins_at_the_cut_off_in_local_time() {
        let calendar = Calendar {
            utc_offset_minutes: 540,
            cut_off_minutes: 30,
        };
        let local_midnight_ms = 20_779 * 86_400_000 - 540 * 60_000;
        assert_eq!(calendar.date(local_midnight_ms), BusinessDate(20_778));
        assert_eq!(
            calendar.date(local_midnight_ms + 30 * 60_000 - 1),
            BusinessDate(20_778)
        );
        assert_eq!(
            calendar.date(local_midnight_ms + 30 * 60_000),
            BusinessDate(20_779)
        );
    }
}
