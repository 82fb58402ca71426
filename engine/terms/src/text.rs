//! Names that people read, cleaned so that what is shown is all there is.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use unicode_normalization::char::is_public_assigned;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::limits;
use crate::reason::Reason;

/// Names a product, as it is shown and printed.
pub type ProductName = Text<{ limits::MAX_PRODUCT_NAME }>;
/// Names a store, as it is shown and printed.
pub type StoreName = Text<{ limits::MAX_STORE_NAME }>;
/// Names a merchant, as it is shown and printed.
pub type MerchantName = Text<{ limits::MAX_MERCHANT_NAME }>;
/// Says for what a customer's balance was raised or lowered.
pub type TransferReference = Text<{ limits::MAX_TRANSFER_REFERENCE }>;

/// Holds a readable text of 1 to `MAX` characters in Unicode's composed form (NFC).
///
/// It has no control, bidirectional or invisible character, none that Unicode has not assigned,
/// and no space at either end: what a person sees is what was signed.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text<const MAX: usize>(Box<str>);

/// Says why a text cannot be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// There is no text.
    #[error("the text is empty")]
    Empty,
    /// The text has a character that is not seen, changes what is seen, or is not assigned.
    #[error("the character U+{:04X} is not allowed", u32::from(*.character))]
    Forbidden {
        /// The first such character.
        character: char,
    },
    /// The text begins or ends with a space.
    #[error("the text begins or ends with a space")]
    SpaceAtEdge,
    /// The text has more characters than allowed.
    #[error("the text has more than {max} characters")]
    TooLong {
        /// The greatest number of characters.
        max: usize,
    },
}

impl From<TextError> for Reason {
    fn from(error: TextError) -> Self {
        match error {
            TextError::Empty | TextError::Forbidden { .. } | TextError::SpaceAtEdge => {
                Self::TextForbidden
            }
            TextError::TooLong { .. } => Self::TextTooLong,
        }
    }
}

impl<const MAX: usize> Text<MAX> {
    /// The greatest length, in characters.
    pub const MAX_CHARACTERS: usize = MAX;

    /// Takes a text, composing its characters.
    ///
    /// # Errors
    /// [`TextError`] says what is wrong with the text; of several faults the first in its order.
    pub fn new(text: &str) -> Result<Self, TextError> {
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        if let Some(character) = text.chars().find(|character| is_forbidden(*character)) {
            return Err(TextError::Forbidden { character });
        }
        if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
            return Err(TextError::SpaceAtEdge);
        }
        let composed: Box<str> = match is_nfc_quick(text.chars()) {
            IsNormalized::Yes => text.into(),
            IsNormalized::No | IsNormalized::Maybe => text.nfc().collect::<String>().into(),
        };
        if composed.chars().nth(MAX).is_some() {
            return Err(TextError::TooLong { max: MAX });
        }
        Ok(Self(composed))
    }

    /// Lends the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Says whether a character may not stand in a text.
fn is_forbidden(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    character.is_control() || is_invisible(character) || !is_public_assigned(character)
}

/// Says whether a character is drawn as nothing or changes how others are drawn: all of the
/// general categories Cf, Zl and Zp, the variation selectors and fillers that Unicode lists as
/// `Default_Ignorable_Code_Point`, and the empty braille cell.
const fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{034F}' | '\u{0600}'..='\u{0605}' | '\u{061C}' | '\u{06DD}' | '\u{070F}'
        | '\u{0890}'..='\u{0891}' | '\u{08E2}' | '\u{115F}'..='\u{1160}'
        | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{110BD}' | '\u{110CD}' | '\u{13430}'..='\u{1343F}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

impl<const MAX: usize> Deref for Text<MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> AsRef<str> for Text<MAX> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> FromStr for Text<MAX> {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::new(text)
    }
}

impl<const MAX: usize> TryFrom<&str> for Text<MAX> {
    type Error = TextError;

    fn try_from(text: &str) -> Result<Self, TextError> {
        Self::new(text)
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MAX: usize> Serialize for Text<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<const MAX: usize>;

        impl<const MAX: usize> de::Visitor<'_> for Visitor<MAX> {
            type Value = Text<MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a readable text of at most {MAX} characters")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<MAX>, E> {
                Text::new(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, TextError>) {
        let made = Text::<8>::new(text);
        assert_eq!(made.as_ref().map(Text::as_str).map_err(|e| *e), expected, "{text:?}");
    }

    #[test]
    fn readable_texts_are_taken() {
        for text in ["a", "おにぎり", "緑茶 500ml", "Crème", "ﾊﾝｶｸ", "12345678", "辻", "🍙"]
        {
            check(text, Ok(text));
        }
    }

    #[test]
    fn characters_are_composed_before_they_are_counted() {
        check("カ\u{3099}", Ok("ガ"));
        check("e\u{301}", Ok("é"));
        check("e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}", Ok("éééééééé"));
        check("123456789", Err(TextError::TooLong { max: 8 }));
        check("おにぎりおにぎり鮭", Err(TextError::TooLong { max: 8 }));
    }

    #[test]
    fn unseen_characters_are_refused() {
        let forbidden = [
            '\0',
            '\n',
            '\t',
            '\u{7f}',
            '\u{85}',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{e0001}',
            '\u{e0100}',
            '\u{fff9}',
            '\u{ffff}',
            '\u{fdd0}',
            '\u{e000}',
            '\u{10ffff}',
            '\u{378}',
        ];
        for character in forbidden {
            check(&format!("a{character}b"), Err(TextError::Forbidden { character }));
            check(&character.to_string(), Err(TextError::Forbidden { character }));
        }
    }

    #[test]
    fn spaces_stand_inside_only() {
        check("", Err(TextError::Empty));
        for text in [" ", " a", "a ", "\u{3000}a", "a\u{a0}"] {
            check(text, Err(TextError::SpaceAtEdge));
        }
        check("a\u{3000}b", Ok("a\u{3000}b"));
    }

    #[test]
    fn each_fault_has_its_reason() {
        assert_eq!(Reason::from(Text::<8>::new("\u{202e}").unwrap_err()), Reason::TextForbidden);
        assert_eq!(Reason::from(Text::<8>::new("123456789").unwrap_err()), Reason::TextTooLong);
    }
}
