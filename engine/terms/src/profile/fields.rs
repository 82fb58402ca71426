//! What each field of a profile may look like.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limits;
use crate::text::{Text, TextError};

/// Says what is wrong with a field of a profile, without repeating it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The field is no readable text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A character does not belong into a field of this kind.
    #[error("the character U+{:04X} does not belong into {what}", u32::from(*.character))]
    Character {
        /// What the field is.
        what: &'static str,
        /// The first such character.
        character: char,
    },
    /// The characters are right, and their order or number is not.
    #[error("this is not {what}")]
    Shape {
        /// What the field should have been.
        what: &'static str,
    },
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident($max:expr, $what:literal, $check:ident);)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name(Text<{ $max }>);

        impl $name {
            /// Parses `text`.
            ///
            /// # Errors
            /// [`FieldError`] says what is wrong with the text.
            pub fn new(text: &str) -> Result<Self, FieldError> {
                let text = Text::new(text)?;
                $check(&text, $what)?;
                Ok(Self(text))
            }

            /// Lends the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl FromStr for $name {
            type Err = FieldError;

            fn from_str(text: &str) -> Result<Self, FieldError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Text::<{ $max }>::deserialize(deserializer)?;
                Self::new(&text).map_err(de::Error::custom)
            }
        }
    )+};
}

fields! {
    /// Is the number of a handset, with or without a country: `090-1234-5678`, `+819012345678`.
    ///
    /// # Source
    /// ITU-T E.164: at most 15 digits.
    MobileNumber(limits::MAX_MOBILE_NUMBER, "a telephone number", check_mobile);

    /// Is an address for e-mail, in ASCII.
    ///
    /// # Source
    /// RFC 5321 sections 4.1.2 and 4.5.3.1, without quoted local parts and address literals.
    EmailAddress(limits::MAX_EMAIL, "an e-mail address", check_email);

    /// Is a person's name as it is written, in any script.
    PersonName(limits::MAX_PERSON_NAME, "a name", check_nothing);

    /// Is a person's name as a Japanese bank has it: katakana, full or half width, or capital Latin
    /// letters.
    ///
    /// Settlement narrows it to what a bank file can carry.
    KanaName(limits::MAX_PERSON_NAME, "a name in kana", check_kana);

    /// Names a bank, as the processor wrote it.
    BankCode(limits::MAX_BANK_CODE, "a bank code", check_code);

    /// Names a branch of a bank, as the processor wrote it.
    BranchCode(limits::MAX_BANK_CODE, "a branch code", check_code);

    /// Names an account, as the processor wrote it.
    AccountNumber(limits::MAX_ACCOUNT_NUMBER, "an account number", check_code);
}

/// Tells what kind of account it is.
///
/// # Source
/// Zengin, appendix 3: 1 ordinary, 2 current, 4 savings, 9 other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum DepositType {
    /// 普通.
    #[default]
    Ordinary,
    /// 当座.
    Current,
    /// 貯蓄.
    Savings,
    /// その他.
    Other,
}

impl DepositType {
    /// Every type, by rising digit.
    pub const ALL: [Self; 4] = [Self::Ordinary, Self::Current, Self::Savings, Self::Other];

    /// Tells the digit by which bank files name the type.
    #[must_use]
    pub const fn digit(self) -> &'static str {
        match self {
            Self::Ordinary => "1",
            Self::Current => "2",
            Self::Savings => "4",
            Self::Other => "9",
        }
    }
}

impl FromStr for DepositType {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let found = Self::ALL.into_iter().find(|kind| kind.digit() == text);
        found.ok_or(FieldError::Shape { what: "a deposit type (1, 2, 4 or 9)" })
    }
}

impl fmt::Display for DepositType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.digit())
    }
}

impl Serialize for DepositType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.digit())
    }
}

impl<'de> Deserialize<'de> for DepositType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digit = Text::<1>::deserialize(deserializer)?;
        digit.parse().map_err(de::Error::custom)
    }
}

fn check_nothing(_: &str, _: &'static str) -> Result<(), FieldError> {
    Ok(())
}

fn only(text: &str, what: &'static str, may: impl Fn(char) -> bool) -> Result<(), FieldError> {
    match text.chars().find(|character| !may(*character)) {
        Some(character) => Err(FieldError::Character { what, character }),
        None => Ok(()),
    }
}

fn check_mobile(text: &str, what: &'static str) -> Result<(), FieldError> {
    let number = text.strip_prefix('+').unwrap_or(text);
    only(number, what, |c| c.is_ascii_digit() || c == '-')?;
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let is_apart = number.split('-').all(|group| !group.is_empty());
    if is_apart && (8..=15).contains(&digits) { Ok(()) } else { Err(FieldError::Shape { what }) }
}

fn check_email(text: &str, what: &'static str) -> Result<(), FieldError> {
    only(text, what, |c| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-@".contains(c))?;
    let wrong = FieldError::Shape { what };
    let (local, domain) = text.split_once('@').ok_or(wrong)?;
    let is_local = local.len() <= 64 && local.split('.').all(|atom| !atom.is_empty());
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if is_local && domain.contains('.') && domain.split('.').all(is_label) {
        Ok(())
    } else {
        Err(wrong)
    }
}

fn check_kana(text: &str, what: &'static str) -> Result<(), FieldError> {
    only(text, what, |character| {
        // Full and half width katakana, each with its long mark, voicing marks and middle dot.
        matches!(character, '\u{30A1}'..='\u{30FC}' | '\u{FF65}'..='\u{FF9F}' | '\u{3000}')
            || character.is_ascii_uppercase()
            || character.is_ascii_digit()
            || " ()-./".contains(character)
    })
}

fn check_code(text: &str, what: &'static str) -> Result<(), FieldError> {
    only(text, what, |c| c.is_ascii_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr<Err = FieldError>>(taken: &[&str], refused: &[&str]) {
        for text in taken {
            assert!(text.parse::<T>().is_ok(), "{text}");
        }
        for text in refused {
            assert!(text.parse::<T>().is_err(), "{text}");
        }
    }

    #[test]
    fn telephone_numbers() {
        let taken = ["090-1234-5678", "09012345678", "+819012345678", "+81-90-1234-5678"];
        let refused = [
            "",
            "1234567",
            "+",
            "0901234567890123",
            "090--1234-5678",
            "-09012345678",
            "09012345678-",
            "090 1234 5678",
            "０９０-1234-5678",
            "090+12345678",
            "090-1234-567x",
        ];
        check::<MobileNumber>(&taken, &refused);
    }

    #[test]
    fn email_addresses() {
        let taken = ["hanako@example.jp", "h.yamada+shop@mail.example.co.jp", "a@b.c"];
        let long_local = format!("{}@example.jp", "a".repeat(65));
        let long_label = format!("a@{}.jp", "b".repeat(64));
        let long = format!("a@{}jp", "b23456789.".repeat(26));
        let refused = [
            "",
            "hanako",
            "@example.jp",
            "hanako@",
            "hanako@example",
            "a@b@c.jp",
            ".a@b.jp",
            "a..b@c.jp",
            "a.@b.jp",
            "a@-b.jp",
            "a@b-.jp",
            "a@b..jp",
            "a@b.jp.",
            "a b@c.jp",
            "花子@example.jp",
            "a@例え.jp",
            "\"a\"@b.jp",
            "a@[127.0.0.1]",
            "a@b_c.jp",
            &long_local,
            &long_label,
            &long,
        ];
        check::<EmailAddress>(&taken, &refused);
    }

    #[test]
    fn names() {
        check::<PersonName>(
            &["山田 花子", "Zoë Müller"],
            &["", " a", "a\u{202e}b", &"あ".repeat(61)],
        );
        let taken = [
            "ヤマダ ハナコ",
            "ﾔﾏﾀﾞ ﾊﾅｺ",
            "ジョン・スミス",
            "カ)ミナト",
            "SMITH J.",
            "ヤマダ\u{3000}ハナコ",
        ];
        check::<KanaName>(&taken, &["", "山田", "やまだ", "smith", "ヤマダ\tハナコ", "ヤマダ、"]);
    }

    #[test]
    fn codes_of_banks() {
        check::<BankCode>(&["0009", "320-200-123"], &["", "00 09", "００09", "1234567890123456"]);
        check::<BranchCode>(&["1234"], &["12_4"]);
        check::<AccountNumber>(&["78901234", "DE89370400440532013000"], &["7890 1234"]);
        check::<DepositType>(&["1", "2", "4", "9"], &["", "0", "3", "11", "ordinary"]);
    }

    #[test]
    fn what_is_wrong_is_said_without_repeating_the_field() {
        let wrong = MobileNumber::new("090-1234-567x").unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "the character U+0078 does not belong into a telephone number"
        );
        assert_eq!(
            EmailAddress::new("hanako").unwrap_err().to_string(),
            "this is not an e-mail address"
        );
        assert_eq!(format!("{:?}", MobileNumber::new("09012345678").unwrap()), "MobileNumber(..)");
    }
}
