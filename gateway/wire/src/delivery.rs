//! Tells how much of a purchase a machine could hand out.

use std::collections::BTreeMap;

use kessai_terms::Reason;

use crate::faults::Faults;
use crate::limits::{MAX_LINES, MAX_QUANTITY};
use crate::v1;

/// Says what came out of a machine. If nothing did, nothing was delivered: the payment is reversed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// All that was bought.
    All,
    /// These lines only.
    Lines(DeliveredLines),
}

/// Tells how many pieces of which lines came out: of each line once, of at least one line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeliveredLines(BTreeMap<u32, u32>);

impl DeliveredLines {
    /// Takes the place of each line in the purchase, from 0, with the pieces of it that came out.
    /// Of lines that are not named nothing came out.
    ///
    /// # Errors
    /// Of all that is wrong, the reason that comes first: [`Reason::Malformed`] if no line is
    /// named, or one twice, or one beyond the longest basket; [`Reason::QuantityInvalid`] for more
    /// pieces than any line has.
    pub fn new(lines: impl IntoIterator<Item = (u32, u32)>) -> Result<Self, Reason> {
        let mut faults = Faults::default();
        let mut pieces = BTreeMap::new();
        for (line, quantity) in lines {
            let is_a_place = usize::try_from(line).is_ok_and(|line| line < MAX_LINES);
            if !is_a_place || pieces.insert(line, quantity).is_some() {
                // No more than the longest basket is looked at.
                return Err(Reason::Malformed);
            }
            if quantity > MAX_QUANTITY {
                faults.note(Reason::QuantityInvalid);
            }
        }
        if pieces.is_empty() {
            faults.note(Reason::Malformed);
        }
        faults.into_result()?;
        Ok(Self(pieces))
    }

    /// Tells how many pieces of a line came out.
    pub fn pieces(&self, line: usize) -> u32 {
        u32::try_from(line).ok().and_then(|line| self.0.get(&line)).copied().unwrap_or(0)
    }

    /// Goes through the lines that are named, by rising place, with their pieces.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        self.0.iter().map(|(line, quantity)| (*line, *quantity))
    }
}

impl Delivery {
    pub(crate) fn parse(lines: &[v1::DeliveredLine]) -> Result<Self, Reason> {
        if lines.is_empty() {
            return Ok(Self::All);
        }
        let lines = lines.iter().map(|line| (line.line, line.quantity));
        DeliveredLines::new(lines).map(Self::Lines)
    }

    pub(crate) fn to_message(&self) -> Vec<v1::DeliveredLine> {
        match self {
            Self::All => Vec::new(),
            Self::Lines(lines) => {
                lines.iter().map(|(line, quantity)| v1::DeliveredLine { line, quantity }).collect()
            }
        }
    }
}
