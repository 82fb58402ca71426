//! What is written down about one payment.

use std::collections::BTreeSet;
use std::time::Duration;

use kessai_engine::PaymentState;
use kessai_engine::terms::{Amount, ApprovalNumber, CustomerId, Money, Rate, Reason, Reference};
use serde::{Deserialize, Serialize};

use super::{Attempt, Order, Slip};
use crate::people::Deed;

/// A moment of the run, counted from its start.
pub type Moment = Duration;

/// The numbers on a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Receipt {
    /// The number of the approval.
    pub approval: ApprovalNumber,
    /// Names the payment between processor and bank.
    pub reference: Reference,
}

/// What a customer is told of a price in another currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreign {
    /// What the store charges.
    pub price: Money,
    /// What one unit of its currency costs, with the mark-up in it.
    pub rate: Rate,
    /// The mark-up within the rate.
    ///
    /// # Units
    /// Basis points.
    pub markup_bp: u16,
}

/// How one side was told that a payment stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When.
    pub at: Moment,
    /// Where it stands.
    pub state: PaymentState,
    /// Why; none while it is pending.
    pub reason: Option<Reason>,
    /// What it is about, in the currency of whoever is told; none if it was called off before it
    /// opened.
    pub amount: Option<Money>,
    /// What was debited, in that currency.
    pub captured: Amount,
    /// What was given back of that.
    pub refunded: Amount,
    /// What the customer is told of a price in another currency; none towards a terminal.
    pub foreign: Option<Foreign>,
    /// How long from the approval on a machine may report what came out, as its terminal is told.
    pub time_to_report: Option<Duration>,
    /// What is printed on the receipt, once it was approved.
    pub receipt: Option<Receipt>,
    /// The number of the customer's notice; none towards a terminal.
    pub notice: Option<u64>,
}

impl Told {
    /// Until when a machine may report what came out: a little late, as it was told a little late.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.time_to_report.map(|time| self.at.saturating_add(time))
    }
}

/// Everything that is known about one payment without asking the gateway's books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What was asked for.
    pub order: Order,
    /// When the customer was first asked.
    pub prompted: Option<Moment>,
    /// How long the customer was given.
    pub time_to_answer: Duration,
    /// What the customer did, and when.
    pub acts: Vec<(Moment, Deed)>,
    /// When the clerk gave it up.
    pub given_up: Option<Moment>,
    /// Everything that the till was told of what it asked for, in order.
    pub terminal: Vec<Told>,
    /// What was done about it once it was approved, in order.
    pub attempts: Vec<Attempt>,
    /// Codes that were none, sent before or after it.
    pub slips: Vec<Slip>,
    /// Everything that the customer was told, in order.
    pub customer: Vec<Told>,
    /// Customers who were told of it and whom it does not concern.
    pub misled: Vec<CustomerId>,
    /// When and why the gateway refused to begin it.
    pub refused: Option<(Moment, Reason)>,
    /// Whether its tills have done all that they were going to do.
    pub is_over: bool,
}

/// Which steps of a payment its customer is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Telling {
    /// Every one.
    #[default]
    Every,
    /// The latest; others may be missing, since a handset that was away learns how it stands now.
    Latest,
}

impl Record {
    pub(super) const fn new(order: Order) -> Self {
        Self {
            order,
            prompted: None,
            time_to_answer: Duration::ZERO,
            acts: Vec::new(),
            given_up: None,
            terminal: Vec::new(),
            attempts: Vec::new(),
            slips: Vec::new(),
            customer: Vec::new(),
            misled: Vec::new(),
            refused: None,
            is_over: false,
        }
    }

    /// Says whether nothing more is going to happen: its tills have done all, and its customer has
    /// been told of what `telling` says.
    #[must_use]
    pub fn is_finished(&self, telling: Telling) -> bool {
        let is_over = self.is_over && !self.terminal.is_empty();
        self.refused.is_some() || (is_over && self.is_told(telling))
    }

    /// Whether the customer has been told of every step, or of the latest where that is enough.
    fn is_told(&self, telling: Telling) -> bool {
        // A payment that was called off before it opened never came before its customer.
        let is_owed = self.terminal.iter().any(|told| told.amount.is_some());
        let standings = self.standings();
        if !is_owed || self.notices().len() >= standings.len() {
            return true;
        }
        match telling {
            Telling::Every => false,
            Telling::Latest => {
                let last = standings.last().zip(self.first_and_last_told());
                last.is_some_and(|(last, (_, told))| {
                    last.state == told.state
                        && last.charged(&self.order) == Some((told.captured, told.refunded))
                })
            }
        }
    }

    /// The numbers of the notices that the customer has seen.
    #[must_use]
    pub fn notices(&self) -> BTreeSet<u64> {
        self.customer.iter().filter_map(|told| told.notice).collect()
    }

    /// What the customer was told first, and last: notices are numbered, and may cross on the way.
    #[must_use]
    pub fn first_and_last_told(&self) -> Option<(&Told, &Told)> {
        let first = self.customer.iter().min_by_key(|told| told.notice)?;
        let last = self.customer.iter().max_by_key(|told| told.notice)?;
        Some((first, last))
    }
}
