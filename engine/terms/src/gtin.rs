//! Bar codes of products.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::reason::Reason;

/// Identifies a product by its bar code: a GTIN-8, -12, -13 (JAN) or -14 with a right check digit.
///
/// Two codes are equal when they name the same product, whichever length was scanned; each is
/// shown as it was scanned.
///
/// # Source
/// Step S61 of the patent; GS1 General Specifications, section 7.9.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "(u64, u8)", into = "(u64, u8)")]
pub struct Gtin {
    number: u64,
    length: u8,
}

/// Says why a text is no bar code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GtinError {
    /// There are not 8, 12, 13 or 14 characters.
    #[error("a bar code has 8, 12, 13 or 14 digits")]
    Length,
    /// A character is no digit.
    #[error("a bar code has digits only")]
    Digit,
    /// The last digit does not fit the others: the code was read or typed wrongly.
    #[error("the check digit should be {expected}")]
    CheckDigit {
        /// The digit that fits the others.
        expected: u8,
    },
    /// All digits are zero, which no product bears.
    #[error("a bar code is not all zeros")]
    Zero,
}

impl From<GtinError> for Reason {
    fn from(error: GtinError) -> Self {
        match error {
            GtinError::Length
            | GtinError::Digit
            | GtinError::CheckDigit { .. }
            | GtinError::Zero => Self::ProductCodeInvalid,
        }
    }
}

impl Gtin {
    /// Reads a bar code as it was scanned.
    ///
    /// # Errors
    /// [`GtinError`] says what is wrong with the code.
    pub fn new(scanned: &str) -> Result<Self, GtinError> {
        let length = u8::try_from(scanned.len()).map_err(|_far_too_long| GtinError::Length)?;
        Self::from_number(digits(scanned)?, length)
    }

    /// Makes a bar code from all its digits but the last, and adds that one.
    ///
    /// # Errors
    /// [`GtinError`] when there are not 7, 11, 12 or 13 digits, or only zeros.
    pub fn complete(payload: &str) -> Result<Self, GtinError> {
        let number = digits(payload)?;
        let check = u64::from(check_digit(number));
        let whole = number.checked_mul(10).and_then(|shifted| shifted.checked_add(check));
        let length = u8::try_from(payload.len()).ok().and_then(|length| length.checked_add(1));
        let (Some(whole), Some(length)) = (whole, length) else {
            return Err(GtinError::Length);
        };
        Self::from_number(whole, length)
    }

    fn from_number(number: u64, length: u8) -> Result<Self, GtinError> {
        let fits = match length {
            8 | 12 | 13 | 14 => number < 10_u64.saturating_pow(u32::from(length)),
            _ => false,
        };
        if !fits {
            return Err(GtinError::Length);
        }
        if number == 0 {
            return Err(GtinError::Zero);
        }
        let expected = check_digit(number.div_euclid(10));
        if number.rem_euclid(10) != u64::from(expected) {
            return Err(GtinError::CheckDigit { expected });
        }
        Ok(Self { number, length })
    }

    /// Tells the code as a number of 14 digits, by which a product is looked up.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.number
    }

    /// Tells how many digits were scanned.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.length
    }
}

/// Computes the check digit that belongs behind `payload`, the other digits as one number.
///
/// Its weights run 3, 1, 3, 1 from the right, so that the length of the code does not matter.
#[must_use]
pub fn check_digit(payload: u64) -> u8 {
    let mut rest = payload;
    let mut sum = 0_u64;
    for weight in [3, 1].into_iter().cycle() {
        if rest == 0 {
            break;
        }
        // At most 20 digits of at most 9 times 3: nothing saturates.
        sum = sum.saturating_add((rest % 10).saturating_mul(weight));
        rest /= 10;
    }
    let missing = sum.next_multiple_of(10).saturating_sub(sum);
    u8::try_from(missing).unwrap_or_default()
}

fn digits(text: &str) -> Result<u64, GtinError> {
    if text.is_empty() || text.len() > 14 {
        return Err(GtinError::Length);
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(GtinError::Digit);
    }
    text.parse().map_err(|_no_number| GtinError::Digit)
}

impl PartialEq for Gtin {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Gtin {}

impl Hash for Gtin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

impl PartialOrd for Gtin {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Gtin {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number.cmp(&other.number)
    }
}

impl FromStr for Gtin {
    type Err = GtinError;

    fn from_str(scanned: &str) -> Result<Self, GtinError> {
        Self::new(scanned)
    }
}

impl TryFrom<(u64, u8)> for Gtin {
    type Error = GtinError;

    fn try_from((number, length): (u64, u8)) -> Result<Self, GtinError> {
        Self::from_number(number, length)
    }
}

impl From<Gtin> for (u64, u8) {
    fn from(code: Gtin) -> Self {
        (code.number, code.length)
    }
}

impl fmt::Display for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$}", self.number, width = usize::from(self.length))
    }
}

impl fmt::Debug for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gtin({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_every_length() {
        for code in ["4901234567894", "49968712", "012345678905", "14901234567891"] {
            let (payload, _) = code.split_at(code.len() - 1);
            let made = Gtin::complete(payload).unwrap();
            assert_eq!(Gtin::new(code), Ok(made), "{code}");
            assert_eq!(made.to_string(), code);
        }
    }

    #[test]
    fn a_payload_of_another_length_is_not_completed() {
        for payload in ["", "499687", "49012345678", "4901234567890123"] {
            let completed = Gtin::complete(payload).map(|code| code.length());
            let expected = if payload.len() == 11 { Ok(12) } else { Err(GtinError::Length) };
            assert_eq!(completed, expected, "{payload}");
        }
    }

    #[test]
    fn a_wrong_check_digit_is_named() {
        assert_eq!(Gtin::new("4901234567893"), Err(GtinError::CheckDigit { expected: 4 }));
        assert_eq!(Gtin::new("49968713"), Err(GtinError::CheckDigit { expected: 2 }));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "4", "490123456789", "49012345678940123", "4901234567894 "] {
            assert!(Gtin::new(text).is_err(), "{text}");
        }
        assert_eq!(Gtin::new("49012345678945"[..11].as_ref()), Err(GtinError::Length));
        assert_eq!(Gtin::new("490123456789４"), Err(GtinError::Length));
        assert_eq!(Gtin::new("490123456789x"), Err(GtinError::Digit));
        assert_eq!(Gtin::new("+901234567894"), Err(GtinError::Digit));
        assert_eq!(Gtin::new("00000000"), Err(GtinError::Zero));
        assert_eq!(Gtin::try_from((4_901_234_567_894, 12)), Err(GtinError::Length));
        assert_eq!(Reason::from(GtinError::Zero), Reason::ProductCodeInvalid);
    }

    #[test]
    fn a_product_is_the_same_however_it_was_scanned() {
        let upc = Gtin::new("012345678905").unwrap();
        let ean = Gtin::new("0012345678905").unwrap();
        assert_eq!(upc, ean);
        assert_eq!((upc.to_string().len(), ean.to_string().len()), (12, 13));
        assert_eq!(upc.number(), 12_345_678_905);
    }
}
