//! The registration number under which a merchant issues qualified invoices.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How many digits stand behind the letter.
const DIGITS: usize = 13;
/// The first power of ten that has more than 12 digits: what stands left of it is the first digit.
const FIRST_DIGIT: u64 = 1_000_000_000_000;

/// Names the issuer of a Japanese qualified invoice: the letter T and 13 digits.
///
/// A company's digits are its corporate number, whose first digit checks the others; other issuers
/// (sole traders, associations) bear digits for which no check is published. So only the form is
/// demanded, and [`InvoiceNumber::bears_corporate_check_digit`] tells whom to warn of a misprint.
///
/// # Source
/// Consumption Tax Act of Japan, article 57-4; National Tax Agency, "About registration numbers".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InvoiceNumber(u64);

/// Says why a text is no registration number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvoiceNumberError {
    /// The first character is not the capital letter T.
    #[error("a registration number begins with the letter T")]
    Letter,
    /// There are not 13 digits behind the letter, and nothing else.
    #[error("a registration number has 13 digits behind its letter")]
    Digits,
}

impl InvoiceNumber {
    /// Reads a registration number: `T7123456789012`.
    ///
    /// # Errors
    /// [`InvoiceNumberError`] says what is wrong with the text.
    pub fn new(text: &str) -> Result<Self, InvoiceNumberError> {
        let digits = text.strip_prefix('T').ok_or(InvoiceNumberError::Letter)?;
        if digits.len() != DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvoiceNumberError::Digits);
        }
        digits.parse().map(Self).map_err(|_thirteen_digits_fit| InvoiceNumberError::Digits)
    }

    /// Says whether the first digit checks the others as in a corporate number.
    ///
    /// If it does not, the number is a sole trader's, or was mistyped.
    ///
    /// # Source
    /// Ordinance on the designation of corporate numbers, article 2: 9 less the remainder modulo 9
    /// of the other digits' sum, those at even places from the right counted twice.
    #[must_use]
    pub fn bears_corporate_check_digit(self) -> bool {
        let mut rest = self.0.rem_euclid(FIRST_DIGIT);
        let mut sum = 0_u64;
        for weight in [1, 2].into_iter().cycle() {
            if rest == 0 {
                break;
            }
            // At most 12 digits of at most 9 times 2: nothing saturates.
            sum = sum.saturating_add((rest % 10).saturating_mul(weight));
            rest /= 10;
        }
        self.0.div_euclid(FIRST_DIGIT) == 9_u64.saturating_sub(sum.rem_euclid(9))
    }
}

impl FromStr for InvoiceNumber {
    type Err = InvoiceNumberError;

    fn from_str(text: &str) -> Result<Self, InvoiceNumberError> {
        Self::new(text)
    }
}

impl fmt::Display for InvoiceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("T{:0DIGITS$}", self.0))
    }
}

impl Serialize for InvoiceNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for InvoiceNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = InvoiceNumber;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the letter T and 13 digits")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<InvoiceNumber, E> {
                InvoiceNumber::new(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_shown_as_it_is_written() {
        for text in ["T7123456789012", "T8700110005901", "T0000000000001"] {
            let number = InvoiceNumber::new(text).unwrap();
            assert_eq!(number.to_string(), text);
            assert_eq!(text.parse(), Ok(number));
        }
        let number = InvoiceNumber::new("T7123456789012").unwrap();
        assert_eq!(format!("{number:>16}|"), "  T7123456789012|");
    }

    #[test]
    fn other_texts_are_refused() {
        let check = |text, expected| assert_eq!(InvoiceNumber::new(text), Err(expected), "{text}");
        for text in ["", "7123456789012", "t7123456789012", " T7123456789012", "Ｔ7123456789012"] {
            check(text, InvoiceNumberError::Letter);
        }
        for text in ["T", "T712345678901", "T71234567890123", "T712345678901x", "T+123456789012"] {
            check(text, InvoiceNumberError::Digits);
        }
        check("T7123456789012 ", InvoiceNumberError::Digits);
        check("T7-1234-5678-9012", InvoiceNumberError::Digits);
        check("T712345678901２", InvoiceNumberError::Digits);
    }

    #[test]
    fn the_first_digit_of_a_companys_number_checks_the_others() {
        let check = |text, expected| {
            let number = InvoiceNumber::new(text).unwrap();
            assert_eq!(number.bears_corporate_check_digit(), expected, "{text}");
        };
        check("T7123456789012", true);
        check("T8700110005901", true);
        check("T7000012050002", true);
        // The greatest check digit stands where the remainder is zero, so 0 never leads.
        check("T9000000000000", true);
        check("T0000000000000", false);
        check("T8123456789012", false);
        check("T7123456789021", false);
        check("T7123456789013", false);
    }

    #[test]
    fn what_is_stored_is_read_strictly() {
        let number = InvoiceNumber::new("T0123456789012").unwrap();
        assert_eq!(serde_json::to_string(&number).unwrap(), r#""T0123456789012""#);
        let bytes = postcard::to_allocvec(&number).unwrap();
        assert_eq!(bytes, b"\x0eT0123456789012");
        assert_eq!(postcard::from_bytes::<InvoiceNumber>(&bytes), Ok(number));
        assert!(serde_json::from_str::<InvoiceNumber>(r#""T012345678901""#).is_err());
    }
}
