//! Holds open questions, and which ends have been told, under the desk's lock.

use std::collections::{BTreeMap, VecDeque};

use kessai_terms::PaymentId;
use kessai_terms::collation::{ContentDigest, ServerNonce};
use kessai_wire::Notice;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::handset::desk::{Basis, Connection, Step};
use crate::handset::event::Event;
use crate::handset::seen::Seen;
use crate::line::{Generation, Overflow};

/// How many questions may be open. A customer has one, seldom two; more than these are not shown.
const MOST_OPEN: usize = 64;
/// How many payments that ended are remembered, so that a late prompt does not ask again.
const MOST_ENDED: usize = 16;

/// Is what lies before the customer now.
pub(super) struct State {
    /// Where events go; none when the line has ended.
    pub(super) events: Option<mpsc::Sender<Event>>,
    pub(super) connection: Option<Connection>,
    pub(super) open: BTreeMap<PaymentId, Open>,
    pub(super) ended: VecDeque<PaymentId>,
    pub(super) seen: Seen,
    pub(super) untrusted: u64,
}

/// Is a question that has been asked.
pub(super) struct Open {
    pub(super) digest: ContentDigest,
    pub(super) answer_by: Instant,
    pub(super) tries_left: u32,
    pub(super) nonce: Option<(Generation, ServerNonce)>,
    pub(super) being_answered: bool,
    pub(super) end: Option<Notice>,
}

impl State {
    pub(super) fn emit(&self, event: Event) -> Result<(), Overflow> {
        let Some(events) = &self.events else { return Ok(()) };
        match events.try_send(event) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Overflow),
            // Nobody wants to know.
            Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }

    pub(super) fn step(&self, payment: PaymentId) -> Option<Step> {
        let Some(open) = self.open.get(&payment) else { return Some(Step::Over) };
        if let Some(end) = &open.end {
            return Some(Step::Ended(Box::new(end.clone())));
        }
        if self.events.is_none() {
            return Some(Step::Over);
        }
        let (of, nonce) = open.nonce?;
        let Connection { generation, channel } = self.connection?;
        let basis = Basis { generation, channel, nonce, tries_left: open.tries_left };
        (of == generation).then_some(Step::Prove(basis))
    }

    pub(super) fn close(&mut self, payment: PaymentId) {
        self.open.remove(&payment);
        if !self.ended.contains(&payment) {
            if self.ended.len() >= MOST_ENDED {
                self.ended.pop_front();
            }
            self.ended.push_back(payment);
        }
    }

    /// Tells whether one more question may be open; those whose time is up make room. Their ends
    /// are still told.
    pub(super) fn has_room(&mut self) -> bool {
        if self.open.len() >= MOST_OPEN {
            let now = Instant::now();
            self.open.retain(|_, open| open.being_answered || open.answer_by > now);
        }
        self.open.len() < MOST_OPEN
    }
}
