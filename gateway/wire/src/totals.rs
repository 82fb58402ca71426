//! Tells a terminal what it has captured, reversed and refunded on a business date.

use kessai_terms::{Amount, Currency, Net};

use crate::field::{self, FieldError};
use crate::v1;

/// Tells what moved at one terminal on one business date, for its own books to be compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalTotals {
    /// The business date, as the decimal number YYYYMMDD.
    pub business_date: u32,
    /// One entry for each currency in which anything moved, by rising currency letters.
    pub currencies: Vec<CurrencyTotals>,
}

/// Tells what moved in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CurrencyTotals {
    /// Which currency.
    pub currency: Currency,
    /// What was captured of this terminal's payments, reversed or refunded since or not.
    pub captured: Tally,
    /// What went back of this terminal's captured payments that were reversed.
    pub reversed: Tally,
    /// What went back by refunds that this terminal made.
    pub refunded: Tally,
}

/// Counts moves of one kind, and sums them up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tally {
    /// How many.
    pub count: u32,
    /// Their sum.
    pub amount: Amount,
}

impl CurrencyTotals {
    /// Tells what the merchant has of it: less than nothing if more went back than came in.
    pub fn net(&self) -> Net {
        let minor = |tally: Tally| i128::from(tally.amount.minor());
        Net::new(minor(self.captured) - minor(self.reversed) - minor(self.refunded))
    }

    fn parse(message: &v1::CurrencyTotals) -> Result<Self, FieldError> {
        let tally = |name, count, minor| {
            // Nothing is moved by none; a move of nothing is none.
            if (count == 0) == (minor == 0) {
                Ok(Tally { count, amount: field::amount(name, minor)? })
            } else {
                Err(FieldError(name))
            }
        };
        Ok(Self {
            currency: field::currency(&message.currency)?,
            captured: tally("captured_minor", message.captures, message.captured_minor)?,
            reversed: tally("reversed_minor", message.reversals, message.reversed_minor)?,
            refunded: tally("refunded_minor", message.refunds, message.refunded_minor)?,
        })
    }

    fn to_message(self) -> v1::CurrencyTotals {
        v1::CurrencyTotals {
            currency: self.currency.code().to_owned(),
            captures: self.captured.count,
            captured_minor: self.captured.amount.minor(),
            reversals: self.reversed.count,
            reversed_minor: self.reversed.amount.minor(),
            refunds: self.refunded.count,
            refunded_minor: self.refunded.amount.minor(),
        }
    }
}

impl TerminalTotals {
    pub(crate) fn parse(message: &v1::TerminalTotals) -> Result<Self, FieldError> {
        if message.business_date == 0 {
            return Err(FieldError("business_date"));
        }
        let currencies: Vec<_> =
            message.lines.iter().map(CurrencyTotals::parse).collect::<Result<_, _>>()?;
        // In order, so that none comes twice.
        if !currencies.is_sorted_by(|one, next| one.currency.code() < next.currency.code()) {
            return Err(FieldError("lines"));
        }
        Ok(Self { business_date: message.business_date, currencies })
    }

    pub(crate) fn to_message(&self) -> v1::TerminalTotals {
        v1::TerminalTotals {
            business_date: self.business_date,
            lines: self.currencies.iter().map(|totals| totals.to_message()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_may_go_back_than_came_in() {
        let tally = |count, minor| Tally { count, amount: Amount::new(minor).unwrap() };
        let totals = CurrencyTotals {
            currency: Currency::JPY,
            captured: tally(2, 700),
            reversed: tally(1, 300),
            refunded: tally(1, 493),
        };
        assert_eq!(totals.net(), Net::new(-93));
    }
}
