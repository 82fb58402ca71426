//! What the processor lets customers, stores and terminals do, and what customers have done of it
//! today.

use kessai_terms::money::{Amount, AmountError};
use kessai_terms::reason::Reason;
use serde::{Deserialize, Serialize};

use crate::calendar::BusinessDate;

/// Whether a customer, a store or a terminal may do new business.
///
/// Whatever its standing, what is under way can be ended, taken back and given back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Standing {
    /// It may.
    #[default]
    Active,
    /// It may not until the processor says so; a store is then called suspended.
    Frozen,
}

/// How a customer may be named when a payment is opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Naming {
    /// By the plain customer id or by a presentment code.
    #[default]
    IdOrCode,
    /// By a presentment code only.
    CodeOnly,
}

/// How much may be paid; what is not said here is for the register's defaults to say.
///
/// To be free of a default, a holder has the greatest value as a limit of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// By one payment.
    pub per_payment: Option<Amount>,
    /// By all payments of a business day.
    pub per_day: Option<Amount>,
    /// How many payments a business day may have.
    pub count_per_day: Option<u32>,
}

/// What the processor lets a customer do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CustomerPolicy {
    /// Whether the customer may pay at all.
    pub standing: Standing,
    /// How the customer may be named.
    pub named_by: Naming,
    /// How much the customer may pay, in the currency of the balance.
    pub limits: Limits,
}

/// What a customer has paid, or is asked to pay, on one business day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Spending {
    /// The day of the customer's latest payment.
    pub on: BusinessDate,
    /// How many payments that day has.
    pub count: u32,
    /// What they come to.
    pub amount: Amount,
}

impl Limits {
    /// Fills in from `defaults` what is not said here.
    #[must_use]
    pub fn or(self, defaults: Self) -> Self {
        Self {
            per_payment: self.per_payment.or(defaults.per_payment),
            per_day: self.per_day.or(defaults.per_day),
            count_per_day: self.count_per_day.or(defaults.count_per_day),
        }
    }

    /// The first limit that a payment of `amount` would break, `spent` being the day's so far.
    pub(crate) fn broken_by(&self, amount: Amount, spent: Spending) -> Option<Reason> {
        let (per_day, count) =
            (self.per_day.unwrap_or(Amount::MAX), self.count_per_day.unwrap_or(u32::MAX));
        if self.per_payment.is_some_and(|most| amount > most) {
            return Some(Reason::PaymentLimit);
        }
        if spent.amount.checked_add(amount).is_ok_and(|sum| sum <= per_day) {
            (spent.count >= count).then_some(Reason::CountLimit)
        } else {
            Some(Reason::DayLimit)
        }
    }
}

impl Spending {
    /// What counts of it on `day`: another day begins with nothing.
    pub(crate) fn on(self, day: BusinessDate) -> Self {
        if self.on == day { self } else { Self { on: day, ..Self::default() } }
    }

    /// Counts a payment.
    pub(crate) fn count(&mut self, day: BusinessDate, amount: Amount) -> Result<(), AmountError> {
        let today = self.on(day);
        let count = today.count.checked_add(1).ok_or(AmountError::TooGreat)?;
        *self = Self { on: day, count, amount: today.amount.checked_add(amount)? };
        Ok(())
    }

    /// Takes back what was counted on `day` of payments that came to nothing, or to less; a day
    /// that is over is left alone.
    pub(crate) fn give_back(
        &mut self,
        day: BusinessDate,
        count: u32,
        amount: Amount,
    ) -> Result<(), AmountError> {
        if self.on == day {
            self.count = self.count.checked_sub(count).ok_or(AmountError::BelowZero)?;
            self.amount = self.amount.checked_sub(amount)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yen(minor: u64) -> Amount {
        Amount::new(minor).unwrap()
    }

    #[test]
    fn limits_are_broken_above_them_in_order() {
        let limits =
            Limits { per_payment: Some(yen(100)), per_day: Some(yen(250)), count_per_day: Some(3) };
        let check = |amount, count, spent, expected| {
            let spent = Spending { on: BusinessDate(7), count, amount: yen(spent) };
            assert_eq!(limits.broken_by(yen(amount), spent), expected, "{amount} after {spent:?}");
        };
        check(100, 2, 150, None);
        check(101, 3, 250, Some(Reason::PaymentLimit));
        check(100, 3, 151, Some(Reason::DayLimit));
        check(100, 3, 150, Some(Reason::CountLimit));
    }

    #[test]
    fn without_limits_a_day_ends_at_the_greatest_amount() {
        let spent = |minor, count| Spending { on: BusinessDate(7), count, amount: yen(minor) };
        let none = Limits::default();
        assert_eq!(none.broken_by(yen(1), spent(Amount::MAX.minor() - 1, 0)), None);
        let full = none.broken_by(yen(1), spent(Amount::MAX.minor(), 0));
        assert_eq!(full, Some(Reason::DayLimit));
        assert_eq!(none.broken_by(yen(1), spent(0, u32::MAX)), Some(Reason::CountLimit));
    }

    #[test]
    fn an_own_limit_goes_before_the_default() {
        let own = Limits { per_day: Some(yen(9)), ..Limits::default() };
        let defaults =
            Limits { per_payment: Some(yen(1)), per_day: Some(yen(2)), count_per_day: None };
        let expected = Limits { per_payment: Some(yen(1)), ..own };
        assert_eq!(own.or(defaults), expected);
    }

    #[test]
    fn a_day_begins_with_nothing_and_keeps_its_own() {
        let (monday, tuesday) = (BusinessDate(4), BusinessDate(5));
        let mut spending = Spending::default();
        spending.count(monday, yen(300)).unwrap();
        spending.count(monday, yen(200)).unwrap();
        assert_eq!(spending, Spending { on: monday, count: 2, amount: yen(500) });
        spending.give_back(monday, 1, yen(300)).unwrap();
        assert_eq!(spending.on(monday), Spending { on: monday, count: 1, amount: yen(200) });
        assert_eq!(spending.on(tuesday), Spending { on: tuesday, count: 0, amount: Amount::ZERO });
        spending.count(tuesday, yen(7)).unwrap();
        spending.give_back(monday, 1, yen(200)).unwrap();
        assert_eq!(spending, Spending { on: tuesday, count: 1, amount: yen(7) });
        assert_eq!(spending.give_back(tuesday, 1, yen(8)), Err(AmountError::BelowZero));
    }
}
