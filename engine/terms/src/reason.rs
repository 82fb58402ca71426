//! Why a payment did not go on: one number, one name, one table.
//!
//! The numbers are the order of precedence: of several faults the one with the smallest number is
//! told. They are stored and sent, so a number is never given to another reason.

mod table;

pub use table::Reason;

use std::fmt;

use serde::{Deserialize, Serialize};

/// Says at which point a reason arises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// The request is refused: nothing is recorded, and it may be sent again, corrected.
    Refusal,
    /// The payment is declined as it is opened: recorded under its id for good.
    Decline,
    /// The proof is refused; the payment may still be pending.
    Collation,
    /// The payment ended.
    End,
}

/// Says that a number belongs to no reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no reason {number}")]
pub struct UnknownReason {
    /// The number.
    pub number: u16,
}

impl Reason {
    /// Tells what a terminal may know.
    ///
    /// Until the customer has approved, a shop that could tell one decline from another would find
    /// a balance by trying amounts, or the customers by trying ids.
    ///
    /// # Source
    /// Rule 5 of the collation's rules; promise 4 of the patent.
    #[must_use]
    pub const fn told_to_terminal(self) -> Self {
        match self.stage() {
            Stage::Decline | Stage::Collation => Self::NotHonoured,
            Stage::Refusal | Stage::End => self,
        }
    }

    /// Tells the sentence for the person at the terminal, which says no more than
    /// [`told_to_terminal`](Self::told_to_terminal).
    #[must_use]
    pub const fn clerk_text(self) -> &'static str {
        self.told_to_terminal().own_clerk_text()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl std::error::Error for Reason {}

impl TryFrom<u16> for Reason {
    type Error = UnknownReason;

    fn try_from(number: u16) -> Result<Self, UnknownReason> {
        Self::from_number(number).ok_or(UnknownReason { number })
    }
}

impl From<Reason> for u16 {
    fn from(reason: Reason) -> Self {
        reason.number()
    }
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.number())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u16::deserialize(deserializer)?;
        Self::try_from(number).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers and response codes that others rely on: stored in journals, sent to terminals.
    const PUBLISHED: &str = "\
        0:00 10:30 11:30 12:58 13:58 14:58 15:03 16:91 17:91 18:91 19:91 20:30 21:12 22:94 \
        23:58 24:58 25:61 26:91 27:12 30:30 31:30 32:30 33:30 34:30 35:30 36:13 37:13 38:13 39:13 40:12 41:12 42:12 43:12 44:30 \
        45:57 46:14 50:25 51:12 52:12 59:57 60:14 61:57 62:75 63:57 64:57 65:65 66:61 67:61 68:65 69:51 \
        70:12 71:55 72:75 80:17 81:21 82:57 83:68 84:68 85:21 86:21 90:05";

    #[test]
    fn numbers_and_response_codes_stay_as_published() {
        let listed: Vec<_> =
            Reason::ALL.iter().map(|r| format!("{}:{}", r.number(), r.field39())).collect();
        assert_eq!(listed.join(" "), PUBLISHED);
        assert!(Reason::ALL.is_sorted(), "the order of precedence is the order of numbers");
    }

    #[test]
    fn a_number_leads_back_to_its_reason() {
        for number in 0..=u16::MAX {
            if let Some(reason) = Reason::from_number(number) {
                assert_eq!(reason.number(), number);
                assert!(Reason::ALL.contains(&reason));
            }
        }
        let found = (0..=u16::MAX).filter_map(Reason::from_number).count();
        assert_eq!(found, Reason::ALL.len());
        assert_eq!(Reason::try_from(9), Err(UnknownReason { number: 9 }));
    }

    #[test]
    fn names_are_those_of_the_variants() {
        for reason in Reason::ALL {
            let joined: String = reason.name().split('_').flat_map(capitalised).collect();
            assert_eq!(joined, format!("{reason:?}"));
        }
    }

    fn capitalised(word: &str) -> impl Iterator<Item = char> {
        let (first, rest) = word.split_at(1);
        first.to_uppercase().chars().collect::<Vec<_>>().into_iter().chain(rest.chars())
    }

    #[test]
    fn a_terminal_cannot_tell_declines_apart() {
        for reason in Reason::ALL.iter().copied() {
            let told = reason.told_to_terminal();
            if matches!(reason.number(), 42 | 43 | 59..=79) {
                assert_eq!(told, Reason::NotHonoured, "{reason}");
                assert_eq!(reason.clerk_text(), Reason::NotHonoured.clerk_text(), "{reason}");
            } else {
                assert_eq!(told, reason);
            }
            assert_eq!(told.told_to_terminal(), told, "telling twice tells no more");
        }
    }

    #[test]
    fn stages_follow_the_numbers() {
        for reason in Reason::ALL {
            let expected = match reason.number() {
                42 | 43 | 59..=69 | 90 => Stage::Decline,
                10..=58 => Stage::Refusal,
                70..=79 => Stage::Collation,
                _ => Stage::End,
            };
            assert_eq!(reason.stage(), expected, "{reason}");
        }
    }

    #[test]
    fn every_text_is_a_short_sentence() {
        for reason in Reason::ALL {
            for text in [reason.clerk_text(), reason.customer_text()] {
                assert!(text.ends_with('.') && text.len() <= 70, "{reason}: {text}");
                assert!(text.starts_with(|first: char| first.is_ascii_uppercase()), "{text}");
            }
        }
    }
}
