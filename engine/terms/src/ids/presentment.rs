//! The short code that a handset shows instead of the customer's id.

use std::fmt;
use std::str::FromStr;

/// Stands for a customer at one till, once and for a minute: ten digits that a handset shows and a
/// shop types or scans, so that the shop learns no customer id.
///
/// The first digit is the partition that made the code, eight are random, the last one is a check
/// digit, which finds every single digit that was mistyped.
///
/// As long as it lives it is a secret between the customer and the shop that is shown it: it has
/// no `Debug` of its digits, and no form in which it could be stored.
///
/// ```
/// use kessai_terms::PresentmentCode;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let code: PresentmentCode = "012 345 6782".parse()?;
/// assert_eq!(code.grouped(), "012 345 6782");
/// assert_eq!(code.to_string(), "0123456782");
/// assert!("012 345 6789".parse::<PresentmentCode>().is_err());
/// # Ok(())
/// # }
/// ```
///
/// # Source
/// Steps S66 and S67 of the patent; ISO/IEC 7064, MOD 11,10, for the check digit.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PresentmentCode([u8; Self::LENGTH]);

/// Says why a text is no presentment code. It does not quote the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PresentmentCodeError {
    /// There are not ten digits.
    #[error("a presentment code has 10 digits")]
    Length,
    /// There is something else than digits, and single spaces or hyphens between them.
    #[error("a presentment code has digits only, in groups")]
    Character,
    /// The last digit does not fit the others: the code was mistyped.
    #[error("the check digit of the presentment code is wrong")]
    CheckDigit,
}

impl PresentmentCode {
    /// The number of digits.
    pub const LENGTH: usize = 10;

    /// How many different codes a partition has: the random part is below this.
    pub const RANDOM_BELOW: u32 = 100_000_000;

    /// Makes the code of a partition from a random number; none if the partition has more than one
    /// digit, or the number is not below [`RANDOM_BELOW`](Self::RANDOM_BELOW).
    #[must_use]
    pub fn new(partition: u8, random: u32) -> Option<Self> {
        if partition > 9 || random >= Self::RANDOM_BELOW {
            return None;
        }
        let payload = format!("{partition}{random:08}");
        let check = char::from(check_digit(payload.as_bytes()));
        format!("{payload}{check}").parse().ok()
    }

    /// Lends the ten digits, ungrouped.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII digits were let in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Writes the digits as they are read to somebody: `012 345 6782`.
    #[must_use]
    pub fn grouped(&self) -> String {
        let [a, b, c, d, e, f, last @ ..] = &self.0;
        let groups: [&[u8]; 3] = [&[*a, *b, *c], &[*d, *e, *f], last];
        groups.map(|group| std::str::from_utf8(group).unwrap_or_default()).join(" ")
    }

    /// Tells the partition that made the code and knows whose it is.
    #[must_use]
    pub const fn partition(&self) -> u8 {
        let [partition, ..] = self.0;
        partition.saturating_sub(b'0')
    }
}

/// Computes the ASCII digit that belongs behind ASCII digits.
///
/// # Source
/// ISO/IEC 7064, MOD 11,10.
fn check_digit(payload: &[u8]) -> u8 {
    let after = payload.iter().fold(10_u8, |product, digit| {
        // All of it stays below 22.
        let sum = product.saturating_add(digit.saturating_sub(b'0')) % 10;
        let sum = if sum == 0 { 10 } else { sum };
        sum.saturating_mul(2) % 11
    });
    (11_u8.saturating_sub(after) % 10).saturating_add(b'0')
}

impl FromStr for PresentmentCode {
    type Err = PresentmentCodeError;

    /// Reads a code as it was typed or scanned: single spaces or hyphens may stand between digits.
    fn from_str(text: &str) -> Result<Self, PresentmentCodeError> {
        let mut digits = [0; Self::LENGTH];
        let mut places = digits.iter_mut();
        let mut after_digit = false;
        for byte in text.bytes() {
            match byte {
                b'0'..=b'9' => {
                    *places.next().ok_or(PresentmentCodeError::Length)? = byte;
                    after_digit = true;
                }
                b' ' | b'-' if after_digit => after_digit = false,
                _ => return Err(PresentmentCodeError::Character),
            }
        }
        if places.next().is_some() {
            return Err(PresentmentCodeError::Length);
        }
        if !after_digit {
            return Err(PresentmentCodeError::Character);
        }
        let [payload @ .., check] = &digits;
        if check_digit(payload) != *check {
            return Err(PresentmentCodeError::CheckDigit);
        }
        Ok(Self(digits))
    }
}

impl fmt::Display for PresentmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for PresentmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentmentCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed outside the project, by python-stdnum 2.2 (`stdnum.iso7064.mod_11_10`).
    const KNOWN: [(u8, u32, &str); 6] = [
        (0, 12_345_678, "0123456782"),
        (0, 0, "0000000006"),
        (9, 99_999_999, "9999999991"),
        (3, 14_159_265, "3141592653"),
        (7, 1, "7000000019"),
        (1, 50_505_050, "1505050501"),
    ];

    #[test]
    fn codes_have_the_check_digits_of_iso_7064() {
        for (partition, random, text) in KNOWN {
            let code = PresentmentCode::new(partition, random).unwrap();
            assert_eq!(code.to_string(), text);
            assert_eq!(text.parse(), Ok(code));
            assert_eq!(code.partition(), partition);
        }
        // The examples of that module's own documentation.
        assert_eq!((check_digit(b"79462"), check_digit(b"00200667308")), (b'3', b'5'));
    }

    #[test]
    fn parts_out_of_range_make_no_code() {
        assert_eq!(PresentmentCode::new(10, 0), None);
        assert_eq!(PresentmentCode::new(0, PresentmentCode::RANDOM_BELOW), None);
        assert!(PresentmentCode::new(9, PresentmentCode::RANDOM_BELOW - 1).is_some());
    }

    #[test]
    fn a_code_is_read_in_groups() {
        let code = PresentmentCode::new(0, 12_345_678).unwrap();
        for text in ["0123456782", "012 345 6782", "012-345-6782", "01 23 45 67 82"] {
            assert_eq!(text.parse(), Ok(code), "{text}");
        }
        assert_eq!(code.grouped(), "012 345 6782");
        assert_eq!(format!("[{code:>12}]"), "[  0123456782]");
    }

    fn check(text: &str, expected: PresentmentCodeError) {
        assert_eq!(text.parse::<PresentmentCode>(), Err(expected), "{text}");
    }

    #[test]
    fn what_is_no_code_is_refused_by_name() {
        use PresentmentCodeError::{Character, CheckDigit, Length};
        for text in ["", "012345678", "012 345 678", "01234567824", "012 345 6782 0"] {
            check(text, Length);
        }
        for text in [
            " 0123456782",
            "0123456782 ",
            "012  345 6782",
            "012 -345 6782",
            "-",
            "0123456782-",
            "012345678４",
            "012345678x",
            "+123456782",
            "012\u{a0}345 6782",
        ] {
            check(text, Character);
        }
        for text in ["0123456783", "1123456782", "0123456728"] {
            check(text, CheckDigit);
        }
    }

    #[test]
    fn every_single_digit_that_is_mistyped_is_found() {
        for (_, _, text) in KNOWN {
            for at in 0..PresentmentCode::LENGTH {
                for digit in b'0'..=b'9' {
                    let mut typed = text.as_bytes().to_vec();
                    typed[at] = digit;
                    let typed = String::from_utf8(typed).unwrap();
                    assert_eq!(typed.parse::<PresentmentCode>().is_ok(), typed == text, "{typed}");
                }
            }
        }
    }

    #[test]
    fn the_digits_are_not_printed() {
        let code = PresentmentCode::new(0, 12_345_678).unwrap();
        assert_eq!(format!("{code:?}"), "PresentmentCode(..)");
        let error = "0123456783".parse::<PresentmentCode>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("012"));
    }
}
