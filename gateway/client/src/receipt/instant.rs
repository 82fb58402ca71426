//! How an instant is written.

use time::{OffsetDateTime, UtcOffset};

use crate::receipt::Language;

/// Writes date, time and offset for a reader.
pub(super) fn for_reader(at: OffsetDateTime, language: Language) -> String {
    let at = in_minutes(at);
    let (hour, minute, second) = at.to_hms();
    format!("{} {hour:02}:{minute:02}:{second:02} {}", date(at, language), offset(at.offset()))
}

/// Writes the date alone.
pub(super) fn date(at: OffsetDateTime, language: Language) -> String {
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    match language {
        Language::Japanese => format!("{year:04}年{month:02}月{day:02}日"),
        Language::English => format!("{year:04}-{month:02}-{day:02}"),
    }
}

/// Writes an instant for a program.
///
/// # Source
/// RFC 3339.
pub(super) fn for_program(at: OffsetDateTime) -> String {
    let at = in_minutes(at);
    let (hour, minute, second) = at.to_hms();
    let date = date(at, Language::English);
    format!("{date}T{hour:02}:{minute:02}:{second:02}{}", offset(at.offset()))
}

/// Tells the same instant at an offset without seconds, which neither way of writing has room for.
fn in_minutes(at: OffsetDateTime) -> OffsetDateTime {
    let (hours, minutes, _) = at.offset().as_hms();
    let offset = UtcOffset::from_hms(hours, minutes, 0).unwrap_or(UtcOffset::UTC);
    at.checked_to_offset(offset).unwrap_or(at)
}

fn offset(offset: UtcOffset) -> String {
    let (hours, minutes, _) = offset.as_hms();
    let sign = if offset.is_negative() { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", hours.unsigned_abs(), minutes.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(unix: i64, offset_seconds: i32, japanese: &str, program: &str) {
        let offset = UtcOffset::from_whole_seconds(offset_seconds).unwrap();
        let at = OffsetDateTime::from_unix_timestamp(unix).unwrap().to_offset(offset);
        assert_eq!(for_reader(at, Language::Japanese), japanese);
        assert_eq!(for_program(at), program);
        assert_eq!(
            for_reader(at, Language::English).replacen(' ', "T", 1).replace(' ', ""),
            program
        );
    }

    #[test]
    fn instants_are_told_at_any_offset() {
        let tokyo = 9 * 3_600;
        check(1_795_353_128, tokyo, "2026年11月22日 22:12:08 +09:00", "2026-11-22T22:12:08+09:00");
        check(0, 0, "1970年01月01日 00:00:00 +00:00", "1970-01-01T00:00:00+00:00");
        check(0, -12_600, "1969年12月31日 20:30:00 -03:30", "1969-12-31T20:30:00-03:30");
        check(0, -1_800, "1969年12月31日 23:30:00 -00:30", "1969-12-31T23:30:00-00:30");
        // The solar time of Tokyo, before there were zones.
        check(0, 33_539, "1970年01月01日 09:18:00 +09:18", "1970-01-01T09:18:00+09:18");
    }
}
