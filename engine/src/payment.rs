//! One payment on its way through.

use bytes::Bytes;
use kessai_terms::collation::{ChannelBinding, ServerNonce};
use kessai_terms::ids::{ApprovalNumber, CustomerId, DeviceId, PaymentId, Reference, TerminalId};
use kessai_terms::money::Amount;
use kessai_terms::reason::Reason;

use crate::calendar::BusinessDate;
use crate::command::Opening;
use crate::customer::Seat;
use crate::meter::Stand;
use crate::offer::{Capture, NamedBy};
use crate::permit::Permit;
use crate::record::{RequestDigest, Terms};
use crate::refund::RefundView;
use crate::rules::Disclosure;
use crate::slot::Lsn;
use crate::state::PaymentState;

mod course;
mod row;

/// A payment as its shard keeps it: the fields that are told, and what only an open one needs.
#[derive(Debug)]
pub(crate) struct Payment {
    pub(crate) view: PaymentView,
    /// The payer's place in the shard's slab; nobody for an unknown payer or an overtaken open.
    pub(crate) payer: Option<Seat>,
    /// The business day that it counts in among what the payer spends.
    pub(crate) opened_on: BusinessDate,
    /// What the customer is shown: kept as long as it may be asked for, else empty.
    pub(crate) confirmation: Bytes,
    /// What was given back, the earliest first.
    pub(crate) refunds: Vec<RefundView>,
    /// Present as long as the payment is pending.
    pub(crate) pending: Option<Pending>,
    /// When a record last said something of it: it stays in memory for a while from then on.
    pub(crate) touched_ms: u64,
    /// The latest cut that has its row, or that it came too late for. Ephemeral.
    pub(crate) cut: u32,
}

/// What a payment needs until the customer has answered.
#[derive(Debug)]
pub(crate) struct Pending {
    /// Wrong proofs so far.
    pub(crate) wrong: u8,
    /// The prompts that can be answered: one a device. Ephemeral: not journalled, not in the hash.
    pub(crate) prompts: Vec<Prompt>,
    /// Counted places, given back when this is dropped. Ephemeral.
    pub(crate) permits: Option<Permits>,
}

/// The places that a pending payment takes: with its terminal, and in all.
#[derive(Debug)]
pub(crate) struct Permits {
    terminal: Stand,
    _engine: Permit,
}

impl Permits {
    pub(crate) const fn new(terminal: Stand, engine: Permit) -> Self {
        Self { terminal, _engine: engine }
    }

    /// The payment was approved: its price stays counted against the terminal's limits.
    pub(crate) fn keep(mut self) {
        self.terminal.keep();
    }

    /// The payment was declined as it opened, which the terminal may not see too often.
    pub(crate) fn decline(self, now_ms: u64) {
        self.terminal.decline(now_ms);
    }
}

/// A prompt on its way to one handset: answered by a proof over exactly these values, once.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    pub(crate) device: DeviceId,
    pub(crate) channel: ChannelBinding,
    pub(crate) nonce: ServerNonce,
    pub(crate) prompted_at_ms: u64,
}

/// A payment as it is told: whose it is, what was agreed, where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PaymentView {
    /// The one-time id.
    pub payment: PaymentId,
    /// The terminal that opened it or called it off.
    pub terminal: TerminalId,
    /// Who asked for what; none if a cancel overtook the open.
    pub terms: Option<Terms>,
    /// The payer, if there is such a customer.
    pub customer: Option<CustomerId>,
    /// Where it stands.
    pub state: PaymentState,
    /// Why it stands there; none while it is pending.
    pub reason: Option<Reason>,
    /// What was debited.
    pub captured: Amount,
    /// What the merchant is owed for that, in the merchant's currency.
    pub captured_price: Amount,
    /// What was given back by refunds.
    pub refunded: Amount,
    /// What of the price that was, in the merchant's currency.
    pub refunded_price: Amount,
    /// In how many refunds.
    pub refunds: u32,
    /// For the receipt, once approved.
    pub approval: Option<ApprovalNumber>,
    /// For the bank, once approved.
    pub reference: Option<Reference>,
    /// The number of the latest notice that the customer is owed about it.
    pub notice: u64,
    /// When it was opened, in milliseconds since the Unix epoch.
    pub opened_at_ms: u64,
    /// When it came to stand where it stands.
    pub changed_at_ms: u64,
    /// When it expires if pending, or is reversed if authorised; else when that would have been.
    pub deadline_ms: u64,
    /// The business day of its latest record.
    pub business_date: BusinessDate,
    /// The last record that it depends on: nothing about it is told before that is durable.
    pub after: Lsn,
}

impl PaymentView {
    /// What is or was held: nothing if a cancel overtook the open.
    #[must_use]
    pub fn authorised(&self) -> Amount {
        self.terms.map_or(Amount::ZERO, |terms| terms.charge.amount)
    }

    /// What the payment's own terminal may know as the reason.
    ///
    /// Before the customer has approved, a shop learns of a failed open only that it was not
    /// honoured: else it could find a balance by bisection, or list the customers.
    ///
    /// # Source
    /// kessai/collation/v1, rule 5.
    #[must_use]
    pub fn reason_for_terminal(&self, disclosure: Disclosure) -> Option<Reason> {
        match self.state {
            PaymentState::Declined if self.is_disclosed(disclosure) => self.reason,
            PaymentState::Declined => Some(Reason::NotHonoured),
            PaymentState::Pending
            | PaymentState::Authorised
            | PaymentState::Captured
            | PaymentState::Reversed
            | PaymentState::Refunded
            | PaymentState::Cancelled
            | PaymentState::Expired => self.reason,
        }
    }

    fn is_disclosed(&self, disclosure: Disclosure) -> bool {
        let with_code = self.terms.is_some_and(|terms| terms.named_by == NamedBy::Code);
        match disclosure {
            Disclosure::Nothing => false,
            Disclosure::FundsWithCode => {
                with_code && self.reason == Some(Reason::InsufficientFunds)
            }
        }
    }

    /// Answers an open under its id: alike, or not at all if it asks something else.
    pub(crate) fn answer_open(
        &self,
        terminal: &TerminalId,
        request: &RequestDigest,
    ) -> Result<Opening, Reason> {
        let alike = self.terminal == *terminal
            // A cancel that came first knows only the id and the terminal.
            && self.terms.as_ref().is_none_or(|terms| terms.request == *request);
        if alike { Ok(Opening::repeat(self)) } else { Err(Reason::PaymentIdReused) }
    }

    /// Says whether a machine's report may still come, or come again, about these goods.
    pub(crate) fn awaits_report(&self) -> bool {
        let on_delivery = self.terms.is_some_and(|terms| terms.capture == Capture::OnDelivery);
        match self.state {
            PaymentState::Pending | PaymentState::Authorised => true,
            PaymentState::Captured | PaymentState::Refunded => on_delivery,
            PaymentState::Reversed
            | PaymentState::Declined
            | PaymentState::Cancelled
            | PaymentState::Expired => false,
        }
    }
}
