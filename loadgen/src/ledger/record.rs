//! What is written down about one payment.

use std::time::Duration;

use kessai_engine::PaymentState;
use kessai_engine::terms::{
    Amount, ApprovalNumber, CustomerId, Line, MerchantId, Reason, Reference, StoreName, TerminalId,
};

use crate::people::{Deed, Person};

/// A moment of the run, counted from its start.
pub type Moment = Duration;

/// What a till asks for, and who stands around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The number of its arrival.
    pub number: u64,
    /// When it was meant to begin: its latency counts from here.
    pub intended: Moment,
    /// The customer's place in the population.
    pub seat: usize,
    /// The till.
    pub terminal: TerminalId,
    /// Who is paid.
    pub merchant: MerchantId,
    /// The store's name, as the customer must see it.
    pub store_name: StoreName,
    /// Who is asked to pay.
    pub customer: CustomerId,
    /// What is bought.
    pub lines: Vec<Line>,
    /// What it costs, in yen.
    pub total: Amount,
    /// What the people are going to do.
    pub person: Person,
}

/// What a handset showed its customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown<'a> {
    /// Who is asked to pay.
    pub customer: CustomerId,
    /// The till.
    pub terminal: TerminalId,
    /// The store's name.
    pub store_name: &'a str,
    /// What is bought.
    pub lines: &'a [Line],
    /// What it costs, in yen.
    pub total: Amount,
}

impl Order {
    /// Says what of it the customer was shown otherwise.
    pub(super) fn differs(&self, shown: &Shown<'_>) -> Option<&'static str> {
        if shown.total != self.total {
            Some("another price")
        } else if shown.store_name != self.store_name.as_str() || shown.terminal != self.terminal {
            Some("another shop")
        } else if shown.lines != self.lines {
            Some("other goods")
        } else {
            None
        }
    }
}

/// The numbers on a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Receipt {
    /// The number of the approval.
    pub approval: ApprovalNumber,
    /// Names the payment between processor and bank.
    pub reference: Reference,
}

/// How one side was told that a payment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: Moment,
    /// Where it stands.
    pub state: PaymentState,
    /// Why; none while it is pending.
    pub reason: Option<Reason>,
    /// What it is about; none if it was called off before it opened.
    pub amount: Option<Amount>,
    /// What was debited.
    pub captured: Amount,
    /// What is printed on the receipt, once it was approved.
    pub receipt: Option<Receipt>,
    /// The number of the customer's notice; none towards a terminal.
    pub notice: Option<u64>,
}

/// Everything that is known about one payment without asking the gateway's books.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Everything that the till was told, in order.
    pub terminal: Vec<Told>,
    /// Everything that the customer was told, in order.
    pub customer: Vec<Told>,
    /// Customers who were told of it and whom it does not concern.
    pub misled: Vec<CustomerId>,
    /// When and why the gateway refused to begin it.
    pub refused: Option<(Moment, Reason)>,
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
            customer: Vec::new(),
            misled: Vec::new(),
            refused: None,
        }
    }

    /// Says whether everybody who is owed an answer has one.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        // A payment that was called off before it opened never came before its customer.
        let customer_owed = self.terminal.iter().any(|told| told.amount.is_some());
        let customer_knows = !customer_owed || !self.customer.is_empty();
        self.refused.is_some() || (!self.terminal.is_empty() && customer_knows)
    }
}
