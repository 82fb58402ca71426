//! Reads amounts and days as people type them.

use kessai_engine::terms::{Amount, Currency};
use time::{Date, Month};

/// Reads an amount above zero: `346`, or `3.46` where the currency has so many decimals.
pub(super) fn amount(text: &str, currency: Currency) -> Option<Amount> {
    let decimals = usize::from(currency.exponent());
    let (whole, part) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some(both) => both,
        None => (text, ""),
    };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(part) || part.len() > decimals {
        return None;
    }
    let minor = format!("{whole}{part:0<decimals$}").parse().ok()?;
    Amount::new(minor).ok().filter(|amount| !amount.is_zero())
}

/// Reads a day, as `20261122` or `2026-11-22`, into the decimal number YYYYMMDD.
pub(super) fn day(text: &str) -> Option<u32> {
    let digits = match text.as_bytes() {
        [_, _, _, _, b'-', _, _, b'-', _, _] => text.replace('-', ""),
        _ => text.to_owned(),
    };
    if digits.len() != 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u32 = digits.parse().ok()?;
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        let check = |text: &str, currency: &str, minor: Option<u64>| {
            let currency = Currency::from_code(currency).unwrap();
            assert_eq!(amount(text, currency).map(Amount::minor), minor, "{text} {currency:?}");
        };
        check("346", "JPY", Some(346));
        check("346.0", "JPY", None);
        check("3.46", "USD", Some(346));
        check("3.4", "USD", Some(340));
        check("3", "USD", Some(300));
        check("3.461", "USD", None);
        check("0.001", "BHD", Some(1));
        for wrong in ["", "0", "-1", "+1", "1,000", ".5", "5.", "1.2.3", "99999999999999999999"] {
            check(wrong, "BHD", None);
        }
    }

    #[test]
    fn days_are_days_of_the_calendar() {
        for text in ["20261122", "2026-11-22"] {
            assert_eq!(day(text), Some(20_261_122));
        }
        assert_eq!(day("20240229"), Some(20_240_229));
        for wrong in ["20260229", "20261301", "2026-1122", "26-11-22", "today", "", "２０２６"]
        {
            assert_eq!(day(wrong), None, "{wrong}");
        }
    }
}
