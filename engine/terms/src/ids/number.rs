//! Numbers that a receipt carries.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits;

/// Says that a number has more digits than its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the number is greater than {max}")]
pub struct NumberError {
    /// The greatest number of this kind.
    pub max: u64,
}

/// Numbers an approval on the receipt: 6 digits.
///
/// # Source
/// ISO 8583 data element 38.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct ApprovalNumber(u32);

impl ApprovalNumber {
    /// The greatest approval number.
    pub const MAX: Self = Self(limits::MAX_APPROVAL_NUMBER);

    /// Makes an approval number of at most 6 digits.
    ///
    /// # Errors
    /// [`NumberError`] when `number` has more digits.
    pub fn new(number: u32) -> Result<Self, NumberError> {
        if number > limits::MAX_APPROVAL_NUMBER {
            return Err(NumberError { max: u64::from(limits::MAX_APPROVAL_NUMBER) });
        }
        Ok(Self(number))
    }

    /// Makes the approval number of the `count`-th approval of a series, beginning again after
    /// 999999.
    #[must_use]
    pub fn wrapping(count: u64) -> Self {
        let modulus = u64::from(limits::MAX_APPROVAL_NUMBER).saturating_add(1);
        count.checked_rem(modulus).and_then(|rest| u32::try_from(rest).ok()).map_or(Self(0), Self)
    }

    /// Tells the number.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for ApprovalNumber {
    type Error = NumberError;

    fn try_from(number: u32) -> Result<Self, NumberError> {
        Self::new(number)
    }
}

impl From<ApprovalNumber> for u32 {
    fn from(number: ApprovalNumber) -> Self {
        number.0
    }
}

impl fmt::Display for ApprovalNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

/// Refers to a payment in both sides' books: 12 digits.
///
/// # Source
/// ISO 8583 data element 37.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Reference(u64);

impl Reference {
    /// The greatest reference.
    pub const MAX: Self = Self(limits::MAX_REFERENCE);

    /// Makes a reference of at most 12 digits.
    ///
    /// # Errors
    /// [`NumberError`] when `number` has more digits.
    pub const fn new(number: u64) -> Result<Self, NumberError> {
        if number > limits::MAX_REFERENCE {
            return Err(NumberError { max: limits::MAX_REFERENCE });
        }
        Ok(Self(number))
    }

    /// Makes the reference of the `count`-th payment of a series, beginning again after
    /// 999999999999.
    #[must_use]
    pub fn wrapping(count: u64) -> Self {
        Self(count.checked_rem(limits::MAX_REFERENCE.saturating_add(1)).unwrap_or(0))
    }

    /// Tells the number.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for Reference {
    type Error = NumberError;

    fn try_from(number: u64) -> Result<Self, NumberError> {
        Self::new(number)
    }
}

impl From<Reference> for u64 {
    fn from(number: Reference) -> Self {
        number.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_number_is_shown_with_six_digits() {
        assert_eq!(ApprovalNumber::new(7).unwrap().to_string(), "000007");
        assert_eq!(ApprovalNumber::MAX.to_string(), "999999");
        assert_eq!(ApprovalNumber::new(1_000_000), Err(NumberError { max: 999_999 }));
        assert_eq!(ApprovalNumber::wrapping(1_000_001).value(), 1);
        assert_eq!(ApprovalNumber::wrapping(999_999), ApprovalNumber::MAX);
    }

    #[test]
    fn a_reference_is_shown_with_twelve_digits() {
        assert_eq!(Reference::new(70_000_000_001).unwrap().to_string(), "070000000001");
        assert_eq!(Reference::MAX.to_string(), "999999999999");
        assert_eq!(Reference::new(1_000_000_000_000), Err(NumberError { max: 999_999_999_999 }));
        assert_eq!(Reference::wrapping(1_000_000_000_000).value(), 0);
        assert_eq!(Reference::wrapping(999_999_999_999), Reference::MAX);
    }
}
