//! What the unit tests of several modules need.

use std::sync::{Arc, Mutex};

use kessai_engine::terms::collation::ContentDigest;
use kessai_engine::terms::{Amount, Currency, PaymentId, TerminalId};
use kessai_engine::{
    BusinessDate, Calendar, Capture, Charge, Lsn, PaymentState, PaymentView, RequestDigest, Terms,
};
use kessai_wire::{CloseCode, RequestId};
use tokio::sync::mpsc;

use crate::outgoing::{Close, Outgoing, Queued};
use crate::reply::{Audience, InFlight, Reply};

/// A connection that only remembers how it was closed.
#[derive(Debug, Default)]
pub(crate) struct Closed(Mutex<Option<CloseCode>>);

impl Closed {
    pub(crate) fn code(&self) -> Option<CloseCode> {
        *self.0.lock().unwrap()
    }
}

impl Close for Closed {
    fn close(&self, code: CloseCode) {
        self.0.lock().unwrap().get_or_insert(code);
    }
}

/// A stream, and where what is sent over it comes out.
pub(crate) fn stream() -> (Outgoing, mpsc::Receiver<Queued>) {
    Outgoing::new(Arc::new(Closed::default()))
}

/// A terminal's reply over `stream`.
pub(crate) fn reply(number: u64, stream: &Outgoing) -> Reply {
    let counted = InFlight::default().begin(1);
    Reply::new(RequestId::new(number).unwrap(), stream.clone(), Audience::Shop, counted)
}

/// The time at which all test payments are opened.
pub(crate) const NOW_MS: u64 = 1_750_000_000_000;

pub(crate) fn payment(number: u8) -> PaymentId {
    PaymentId::from_parts(NOW_MS, [number; 10])
}

pub(crate) fn terminal(id: &str) -> TerminalId {
    id.parse().unwrap()
}

/// A payment of 500 yen, asked for with content number `request`.
pub(crate) fn terms(id: u8, at: &str, request: u8) -> Terms {
    Terms {
        payment: payment(id),
        terminal: terminal(at),
        store: "STORE1".parse().unwrap(),
        merchant: "MERCHANT1".parse().unwrap(),
        charge: Charge {
            amount: Amount::new(500).unwrap(),
            currency: Currency::JPY,
            foreign: None,
        },
        capture: Capture::AtApproval,
        request: RequestDigest([request; 32]),
        content: ContentDigest([request; 32]),
    }
}

/// How that payment stands in `state`.
pub(crate) fn view(terms: Terms, state: PaymentState) -> PaymentView {
    PaymentView {
        payment: terms.payment,
        terminal: terms.terminal,
        terms: Some(terms),
        customer: Some("C-1".parse().unwrap()),
        state,
        reason: None,
        captured: Amount::ZERO,
        refunded: Amount::ZERO,
        approval: None,
        reference: None,
        notice: 1,
        opened_at_ms: NOW_MS,
        changed_at_ms: NOW_MS + 1_000,
        deadline_ms: NOW_MS + 60_000,
        business_date: business_date(),
        after: Lsn::NONE,
    }
}

pub(crate) fn business_date() -> BusinessDate {
    Calendar::default().date(NOW_MS)
}
