//! Follows a payment through its records, by the engine's own table of states.

use kessai_engine::terms::ids::{ApprovalNumber, Reference};
use kessai_engine::terms::{Amount, PaymentId, Reason};
use kessai_engine::{Event, PaymentRow, PaymentState, Record, Verdict};

use super::trace::Trace;

/// Where a payment has come to, and what on its way cannot have been.
#[derive(Debug, Default)]
pub(super) struct Course {
    pub(super) state: Option<PaymentState>,
    pub(super) reason: Option<Reason>,
    pub(super) captured: Amount,
    pub(super) captured_price: Amount,
    pub(super) refunded: Amount,
    pub(super) refunded_price: Amount,
    pub(super) approval: Option<ApprovalNumber>,
    pub(super) reference: Option<Reference>,
    /// How often the wait for the customer ended.
    pub(super) ends: usize,
    /// What the table of states does not allow.
    pub(super) flaws: Vec<String>,
}

impl Course {
    pub(super) fn follow(trace: &Trace) -> Self {
        let mut course = Self::default();
        for recorded in &trace.entries {
            course.step(&recorded.entry.record, trace);
        }
        course
    }

    fn step(&mut self, record: &Record, trace: &Trace) {
        match record {
            Record::Opened(opened) if opened.terms.payment == trace.payment => {
                self.begin(PaymentState::Pending, None);
            }
            Record::Opened(_) => self.end(Event::Cancel, Reason::PreEmpted),
            Record::Declined(declined) => {
                self.begin(PaymentState::Declined, Some(declined.reason));
                self.ends = self.ends.saturating_add(1);
            }
            Record::Overtaken(_) => {
                self.begin(PaymentState::Cancelled, Some(Reason::CancelledByTerminal));
                self.ends = self.ends.saturating_add(1);
            }
            Record::Mismatched(mismatched) => match mismatched.verdict {
                Verdict::TryAgain => self.expect(PaymentState::Pending, "a wrong proof"),
                Verdict::Decline => self.end(Event::Decline, Reason::TriesExceeded),
            },
            Record::Approved(approved) => {
                let charge = trace.terms().map(|terms| terms.charge);
                if approved.deliver_by_ms.is_some() {
                    self.end(Event::Authorise, Reason::Approved);
                } else {
                    self.end(Event::Capture, Reason::Approved);
                    self.captured = charge.map_or(Amount::ZERO, |charge| charge.amount);
                    self.captured_price = charge.map_or(Amount::ZERO, |charge| charge.price());
                }
                self.approval = Some(approved.approval);
                self.reference = Some(approved.reference);
            }
            Record::Ended(ended) => self.end(ended.event, ended.reason),
            Record::Captured(captured) => {
                // The table allows it to a pending payment too: with its approval, in one record.
                self.expect(PaymentState::Authorised, "a delivery");
                self.go(Event::Capture, Reason::Approved);
                (self.captured, self.captured_price) = (captured.amount, captured.price);
            }
            Record::Reversed(reversed) => self.go(Event::Reverse, reversed.reason),
            Record::Refunded(refunded) => {
                self.go(Event::Refund, Reason::Approved);
                self.refund(refunded.amount, refunded.price, refunded.refund);
            }
            Record::Recalled(row) => self.meet(row),
            Record::Registered(_)
            | Record::CustomerAdded(_)
            | Record::Credited(_)
            | Record::Debited(_)
            | Record::DeviceAdded(_)
            | Record::DeviceRevoked(_)
            | Record::Rekeyed(_)
            | Record::Unblocked(_)
            | Record::ProfileSet(_)
            | Record::ProfileErased(_)
            | Record::PolicySet(_) => {}
        }
    }

    fn begin(&mut self, state: PaymentState, reason: Option<Reason>) {
        if self.state.is_some() {
            self.flaws.push("it was opened twice".to_owned());
        }
        (self.state, self.reason) = (Some(state), reason);
    }

    /// The wait for the customer is over.
    fn end(&mut self, event: Event, reason: Reason) {
        self.ends = self.ends.saturating_add(1);
        self.go(event, reason);
    }

    fn go(&mut self, event: Event, reason: Reason) {
        match self.state.and_then(|state| state.after(event)) {
            Some(to) => (self.state, self.reason) = (Some(to), Some(reason)),
            None => self.flaws.push(format!("{event:?} after {}", told(self.state))),
        }
    }

    /// What came back into memory must be what was recorded.
    fn meet(&mut self, row: &PaymentRow) {
        let back = (row.state, row.reason, row.captured, row.captured_price);
        let here = self.state.map(|state| (state, self.reason, self.captured, self.captured_price));
        if here != Some(back) {
            self.flaws.push(format!("recalled as {:?} after {}", row.state, told(self.state)));
        }
    }

    fn expect(&mut self, state: PaymentState, what: &str) {
        if self.state != Some(state) {
            self.flaws.push(format!("{what} after {}", told(self.state)));
        }
    }

    fn refund(&mut self, amount: Amount, price: Amount, refund: PaymentId) {
        let sums = self.refunded.checked_add(amount).ok();
        match sums.zip(self.refunded_price.checked_add(price).ok()) {
            Some((amount, price)) => (self.refunded, self.refunded_price) = (amount, price),
            None => self.flaws.push(format!("refund {refund} is too great to be added")),
        }
    }
}

fn told(state: Option<PaymentState>) -> String {
    state.map_or_else(|| "nothing".to_owned(), |state| format!("{state:?}"))
}
