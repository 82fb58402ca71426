//! Short registered codes of letters and digits, held inline.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limits;

/// Names the characters that a kind of code may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// `0-9`, `A-Z`, `a-z`.
    Alphanumeric,
    /// `0-9`, `A-Z`, `a-z` and the hyphen.
    Hyphenated,
}

impl Alphabet {
    const fn permits(self, byte: u8) -> bool {
        match self {
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Hyphenated => byte.is_ascii_alphanumeric() || byte == b'-',
        }
    }
}

/// Says why a text is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// The text is empty.
    #[error("a code needs at least one character")]
    Empty,
    /// The text has more characters than this kind of code.
    #[error("a code of this kind has at most {max} characters")]
    TooLong {
        /// The greatest length of this kind of code, in characters.
        max: usize,
    },
    /// A character is outside the alphabet of this kind of code.
    #[error("the character at byte {at} is not allowed in a code of this kind")]
    Character {
        /// Where the character begins, in bytes.
        at: usize,
    },
}

/// Holds 1 to `N` ASCII characters inline.
///
/// Codes order as their texts do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code<const N: usize> {
    // The padding is zero and comes first in the derived order, so that codes order as texts.
    bytes: [u8; N],
    length: u8,
}

impl<const N: usize> Code<N> {
    /// Parses `text`, which may use the characters of `alphabet`.
    ///
    /// # Errors
    /// [`CodeError`] says what is wrong with the text.
    pub fn parse(text: &str, alphabet: Alphabet) -> Result<Self, CodeError> {
        const { assert!(N > 0 && N < 256, "the length of a code is kept in one byte") };
        if text.is_empty() {
            return Err(CodeError::Empty);
        }
        if let Some(at) = text.bytes().position(|byte| !alphabet.permits(byte)) {
            return Err(CodeError::Character { at });
        }
        let mut bytes = [0; N];
        let (Some(head), Ok(length)) = (bytes.get_mut(..text.len()), u8::try_from(text.len()))
        else {
            return Err(CodeError::TooLong { max: N });
        };
        head.copy_from_slice(text.as_bytes());
        Ok(Self { bytes, length })
    }

    /// Lends the code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let text = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        // Only ASCII was let in.
        std::str::from_utf8(text).unwrap_or_default()
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident($max:expr, $alphabet:ident);)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Code<{ $max }>);

        impl $name {
            /// The greatest length, in characters.
            pub const MAX_LENGTH: usize = $max;

            /// Parses `text`.
            ///
            /// # Errors
            /// [`CodeError`] says what is wrong with the text.
            pub fn new(text: &str) -> Result<Self, CodeError> {
                Code::parse(text, Alphabet::$alphabet).map(Self)
            }

            /// Lends the id as text, as it was registered.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl FromStr for $name {
            type Err = CodeError;

            fn from_str(text: &str) -> Result<Self, CodeError> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = CodeError;

            fn try_from(text: &str) -> Result<Self, CodeError> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl de::Visitor<'_> for Visitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "a {} of at most {} characters", stringify!($name), $max)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::new(text).map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Visitor)
            }
        }
    )+};
}

codes! {
    /// Names a customer, in the registered form, hyphens included: `1234-567-890`.
    ///
    /// # Source
    /// The customer file of the patent, figure 6.
    CustomerId(limits::MAX_CUSTOMER_ID, Hyphenated);

    /// Names a terminal.
    ///
    /// # Source
    /// ISO 8583 data element 41, 8 characters.
    TerminalId(limits::MAX_TERMINAL_ID, Alphanumeric);

    /// Names a store of a merchant.
    ///
    /// # Source
    /// ISO 8583 data element 42, 15 characters.
    StoreId(limits::MAX_STORE_ID, Hyphenated);

    /// Names a merchant, who is paid.
    MerchantId(limits::MAX_MERCHANT_ID, Hyphenated);

    /// Names a store controller, which speaks for many terminals of one merchant.
    ControllerId(limits::MAX_CONTROLLER_ID, Hyphenated);

    /// Names a carrier hub, which speaks for many handsets.
    HubId(limits::MAX_HUB_ID, Hyphenated);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, CodeError>) {
        let parsed = CustomerId::new(text);
        assert_eq!(parsed.as_ref().map(CustomerId::as_str).map_err(|e| *e), expected);
    }

    #[test]
    fn customer_ids() {
        check("1234-567-890", Ok("1234-567-890"));
        check("a", Ok("a"));
        check(&"9".repeat(23), Ok(&"9".repeat(23)));
        check("", Err(CodeError::Empty));
        check(&"9".repeat(24), Err(CodeError::TooLong { max: 23 }));
        check(&"9".repeat(300), Err(CodeError::TooLong { max: 23 }));
        check("12 34", Err(CodeError::Character { at: 2 }));
        check("1234\u{2010}567", Err(CodeError::Character { at: 4 }));
        check("1\0", Err(CodeError::Character { at: 1 }));
    }

    #[test]
    fn a_terminal_id_fits_data_element_41_and_has_no_hyphen() {
        assert_eq!(TerminalId::new("POS00001").unwrap().as_str(), "POS00001");
        assert_eq!(TerminalId::new("POS000001"), Err(CodeError::TooLong { max: 8 }));
        assert_eq!(TerminalId::new("POS-1"), Err(CodeError::Character { at: 3 }));
    }

    #[test]
    fn codes_order_as_their_texts() {
        let mut ids = ["b", "a-1", "a", "ab", "A", "9"].map(|id| StoreId::new(id).unwrap());
        ids.sort();
        assert_eq!(ids.map(|id| id.to_string()), ["9", "A", "a", "a-1", "ab", "b"]);
    }

    #[test]
    fn a_customer_id_is_small() {
        assert_eq!(size_of::<CustomerId>(), 24);
    }

    #[test]
    fn shown_in_debug_by_kind_and_text() {
        assert_eq!(format!("{:?}", HubId::new("hub-1").unwrap()), "HubId(hub-1)");
        assert_eq!(format!("[{:>5}]", HubId::new("h").unwrap()), "[    h]");
    }
}
