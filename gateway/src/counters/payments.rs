//! What became of payments, read off the records as they are made.

use kessai_engine::terms::Reason;
use kessai_engine::{Entry, Event, Lsn, Record, Slot, Verdict};

use super::{ByReason, Count};

/// How the waiting for a customer's answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Approved,
    Declined,
    Cancelled,
    Expired,
}

impl End {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// What became of payments since the start; what was replayed is not counted again.
#[derive(Debug, Default)]
pub(crate) struct Payments {
    /// The customer is asked.
    pub(crate) opened: Count,
    /// Counted apart: it is what most payments come to.
    approved: Count,
    declined: ByReason,
    cancelled: ByReason,
    expired: ByReason,
    /// Taken back whole, of those that were approved.
    pub(crate) reversed: ByReason,
    /// Times that money was given back, in part or whole.
    pub(crate) refunds: Count,
}

impl Payments {
    /// Counts the record that is pushed into `slot`.
    pub(crate) const fn counting<S: Slot>(&self, slot: S) -> Counting<'_, S> {
        Counting { slot, payments: self }
    }

    /// The ends that there were, why, and how often.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (End, Reason, u64)> {
        let with = |end: End| move |(reason, count): (Reason, u64)| (end, reason, count);
        let approved = (End::Approved, Reason::Approved, self.approved.read());
        std::iter::once(approved)
            .chain(self.declined.read().map(with(End::Declined)))
            .chain(self.cancelled.read().map(with(End::Cancelled)))
            .chain(self.expired.read().map(with(End::Expired)))
    }

    fn note(&self, record: &Record) {
        match record {
            Record::Opened(opened) => {
                self.opened.note();
                let displaced = u64::try_from(opened.displaced.len()).unwrap_or(u64::MAX);
                if displaced > 0 {
                    self.cancelled.add(Reason::PreEmpted, displaced);
                }
            }
            Record::Declined(declined) => self.declined.note(declined.reason),
            Record::Overtaken(_) => self.cancelled.note(Reason::CancelledByTerminal),
            Record::Mismatched(mismatched) => match mismatched.verdict {
                Verdict::TryAgain => {}
                Verdict::Decline => self.declined.note(Reason::TriesExceeded),
            },
            Record::Approved(_) => self.approved.note(),
            Record::Ended(ended) => match ended.event {
                Event::Decline => self.declined.note(ended.reason),
                Event::Cancel => self.cancelled.note(ended.reason),
                Event::Expire => self.expired.note(ended.reason),
                Event::Authorise | Event::Capture | Event::Reverse | Event::Refund => {}
            },
            Record::Reversed(reversed) => self.reversed.note(reversed.reason),
            Record::Refunded(_) => self.refunds.note(),
            Record::Captured(_)
            | Record::Recalled(_)
            | Record::Registered(_)
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
}

/// A place in the journal's queue whose record is counted.
#[derive(Debug)]
pub(crate) struct Counting<'p, S> {
    slot: S,
    payments: &'p Payments,
}

impl<S: Slot> Slot for Counting<'_, S> {
    fn push(self, entry: Entry) -> Lsn {
        self.payments.note(&entry.record);
        self.slot.push(entry)
    }
}
