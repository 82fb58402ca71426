//! The one-time id of a payment.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::{Uuid, Variant};

/// Names one payment, once and for all: a UUID of version 7, made by the terminal from the
/// gateway's clock.
///
/// Payment ids order by the millisecond in which they were made.
///
/// # Source
/// Step S65 of the patent; RFC 9562 section 5.7.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "[u8; 16]", into = "[u8; 16]")]
pub struct PaymentId([u8; 16]);

/// Says why bytes or a text are no payment id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PaymentIdError {
    /// There are not 16 bytes.
    #[error("a payment id has 16 bytes")]
    Length,
    /// The text is not in the hyphenated form of a UUID.
    #[error("a payment id is written as a UUID with hyphens")]
    Form,
    /// The UUID is of another version than 7.
    #[error("a payment id is a UUID of version 7")]
    Version,
    /// The UUID is of another variant than that of RFC 9562.
    #[error("a payment id is a UUID of the variant of RFC 9562")]
    Variant,
}

impl PaymentId {
    /// Takes 16 bytes whose version and variant are right.
    ///
    /// # Errors
    /// [`PaymentIdError::Version`] or [`PaymentIdError::Variant`] when they are not.
    pub fn from_bytes(bytes: [u8; 16]) -> Result<Self, PaymentIdError> {
        let uuid = Uuid::from_bytes(bytes);
        if uuid.get_version_num() != 7 {
            return Err(PaymentIdError::Version);
        }
        if uuid.get_variant() != Variant::RFC4122 {
            return Err(PaymentIdError::Variant);
        }
        Ok(Self(bytes))
    }

    /// Makes an id from a time and ten random bytes, of which 74 bits are used.
    ///
    /// # Units
    /// `unix_ms` is in milliseconds since 1970-01-01T00:00:00Z; its lowest 48 bits are used.
    #[must_use]
    pub fn from_parts(unix_ms: u64, random: [u8; 10]) -> Self {
        let uuid = uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid();
        Self(uuid.into_bytes())
    }

    /// Tells when the id was made, by the clock of who made it.
    ///
    /// # Units
    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix_ms(&self) -> u64 {
        let [a, b, c, d, e, f, ..] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// Lends the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl TryFrom<[u8; 16]> for PaymentId {
    type Error = PaymentIdError;

    fn try_from(bytes: [u8; 16]) -> Result<Self, PaymentIdError> {
        Self::from_bytes(bytes)
    }
}

impl TryFrom<&[u8]> for PaymentId {
    type Error = PaymentIdError;

    fn try_from(bytes: &[u8]) -> Result<Self, PaymentIdError> {
        let bytes = bytes.try_into().map_err(|_wrong_length| PaymentIdError::Length)?;
        Self::from_bytes(bytes)
    }
}

impl From<PaymentId> for [u8; 16] {
    fn from(id: PaymentId) -> Self {
        id.0
    }
}

impl FromStr for PaymentId {
    type Err = PaymentIdError;

    fn from_str(text: &str) -> Result<Self, PaymentIdError> {
        // The `uuid` crate also reads braces, URNs and plain digits: one id has one spelling here.
        if text.len() != uuid::fmt::Hyphenated::LENGTH {
            return Err(PaymentIdError::Form);
        }
        let uuid = Uuid::try_parse(text).map_err(|_not_a_uuid| PaymentIdError::Form)?;
        Self::from_bytes(uuid.into_bytes())
    }
}

impl fmt::Display for PaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_bytes(self.0).as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for PaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PaymentId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 9562, appendix A.6.
    const EXAMPLE: &str = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";

    #[test]
    fn the_example_of_the_rfc() {
        let id: PaymentId = EXAMPLE.parse().unwrap();
        assert_eq!(id.unix_ms(), 1_645_557_742_000);
        assert_eq!(id.to_string(), EXAMPLE);
        assert_eq!(PaymentId::from_bytes(*id.as_bytes()), Ok(id));
        let random = [0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f];
        assert_eq!(PaymentId::from_parts(1_645_557_742_000, random), id);
    }

    #[test]
    fn other_versions_variants_and_spellings_are_refused() {
        let check = |text: &str, expected| assert_eq!(text.parse::<PaymentId>(), Err(expected));
        check("017f22e2-79b0-4cc3-98c4-dc0c0c07398f", PaymentIdError::Version);
        check("017f22e2-79b0-7cc3-d8c4-dc0c0c07398f", PaymentIdError::Variant);
        check("017f22e2-79b0-7cc3-18c4-dc0c0c07398f", PaymentIdError::Variant);
        check("00000000-0000-0000-0000-000000000000", PaymentIdError::Version);
        check("017f22e279b07cc398c4dc0c0c07398f", PaymentIdError::Form);
        check("{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}", PaymentIdError::Form);
        check("017f22e2-79b0-7cc3-98c4-dc0c0c07398g", PaymentIdError::Form);
        check("", PaymentIdError::Form);
        assert_eq!(PaymentId::try_from(&[0; 15][..]), Err(PaymentIdError::Length));
    }

    #[test]
    fn ids_order_by_time() {
        let early = PaymentId::from_parts(1_000, [0xff; 10]);
        let late = PaymentId::from_parts(1_001, [0; 10]);
        assert!(early < late);
        assert_eq!((early.unix_ms(), late.unix_ms()), (1_000, 1_001));
    }
}
