//! A copy of the shard as it stands at one record, made in small steps while commands go on.
//!
//! The cut begins by noting the place and the sums, under the lock. From then on a row that a record
//! is about to change is copied first, unless the cut has it: so whatever order rows are copied in,
//! together they are the shard at the place where the cut began, and recovery goes on exactly there.
//! Each row carries the number of the last cut that has it, so that no second list is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use kessai_terms::ids::{CustomerId, PaymentId, TerminalId};
use kessai_terms::money::Currency;

use super::Shard;
use crate::calendar::BusinessDate;
use crate::customer::{Account, Holder, Seat};
use crate::device::Device;
use crate::ledger::{DayPlace, DaySums};
use crate::payment::Payment;
use crate::record::{Entry, Record};
use crate::snapshot::{CustomerRow, Head, KeptPayment, Rows};

/// How many rows are copied while the shard is locked: a few tens of microseconds.
const COPIED: usize = 64;

/// A copy under way.
#[derive(Debug)]
pub(super) struct Cut {
    number: u32,
    /// Customers with a seat below this were there when it began.
    customers: usize,
    /// How many rows each day had when it began.
    days: BTreeMap<BusinessDate, usize>,
    saved: Saved,
}

/// Rows that were copied because a record was about to change them.
#[derive(Debug, Default)]
struct Saved {
    customers: Vec<CustomerCopy>,
    days: Vec<(BusinessDate, DaySums)>,
    payments: Vec<KeptPayment>,
}

/// A customer as copied under the lock; the handsets' keys are sealed again later, without it.
#[derive(Debug)]
pub(crate) struct CustomerCopy {
    pub(crate) row: CustomerRow,
    pub(crate) devices: Vec<Arc<Device>>,
}

/// What one step of a copy brought: rows, and where to go on; no place if there are no more.
pub(crate) type Copied<R, P> = (Vec<R>, Option<P>);

impl Cut {
    pub(super) const fn number(&self) -> u32 {
        self.number
    }
}

impl Shard {
    /// Begins copy `number`, which no row has been copied for, and notes where the shard stands.
    pub(crate) fn begin_cut(&mut self, number: u32) -> Head {
        let (customers, days) = (self.customers.len(), self.ledger.days.lengths());
        let rows = Rows { customers, days: days.values().sum(), payments: self.payments.len() };
        self.cut = Some(Box::new(Cut { number, customers, days, saved: Saved::default() }));
        Head {
            sequence: self.sequence,
            at_ms: self.at_ms,
            floor_ms: self.floor_ms,
            tallies: self.ledger.tallies.clone(),
            exchange: self.ledger.exchange.clone(),
            funded: self.ledger.funded.clone(),
            departed: self.departed.clone(),
            rows,
        }
    }

    /// Ends the copy: nothing is saved for it any more.
    pub(crate) fn end_cut(&mut self) {
        self.cut = None;
    }

    /// Copies customers from the seat at `place` on; behind the last come those saved before.
    pub(crate) fn copy_customers(&mut self, place: usize) -> Copied<CustomerCopy, usize> {
        let Some(cut) = &mut self.cut else { return (Vec::new(), None) };
        let end = place.saturating_add(COPIED).min(cut.customers);
        let mut copies = Vec::new();
        for seat in self.customers.seats(place..end) {
            let (account, holder) = self.customers.both_mut(seat);
            copies.extend(copy_customer(account, holder, cut.number));
        }
        if end < cut.customers {
            return (copies, Some(end));
        }
        copies.append(&mut cut.saved.customers);
        (copies, None)
    }

    /// Copies sums of terminals from `place` on, the earliest day first; behind the last come those
    /// saved before.
    pub(crate) fn copy_days(
        &mut self,
        place: DayPlace,
    ) -> Copied<(BusinessDate, DaySums), DayPlace> {
        let Some(cut) = &mut self.cut else { return (Vec::new(), None) };
        let (from, place) = place;
        let mut copies = Vec::new();
        let day = cut.days.range(from..).next().map(|(on, length)| (*on, *length));
        if let Some((on, length)) = day {
            let place = if on == from { place } else { 0 };
            let end = place.saturating_add(COPIED).min(length);
            self.ledger.days.take_down(on, place..end, cut.number, &mut copies);
            if end < length {
                return (copies, Some((on, end)));
            }
            let tomorrow = BusinessDate(on.0.saturating_add(1));
            if cut.days.range(tomorrow..).next().is_some() {
                return (copies, Some((tomorrow, 0)));
            }
        }
        copies.append(&mut cut.saved.days);
        (copies, None)
    }

    /// Copies payments from `place` of the timeline on; behind the last come those saved before.
    pub(crate) fn copy_payments(&mut self, place: usize) -> Copied<KeptPayment, usize> {
        let Some(cut) = &mut self.cut else { return (Vec::new(), None) };
        // One that comes back meanwhile moves the rest of the timeline on by a place: what is then
        // looked at twice is known by its mark.
        let end = place.saturating_add(COPIED).min(self.timeline.len());
        let mut copies = Vec::new();
        for (_, id) in self.timeline.range(place.min(end)..end) {
            let payment = self.payments.get_mut(id);
            copies.extend(payment.and_then(|payment| copy_payment(payment, cut.number)));
        }
        if end < self.timeline.len() {
            return (copies, Some(end));
        }
        copies.append(&mut cut.saved.payments);
        (copies, None)
    }

    /// Copies what `entry` is about to change, where the cut does not have it yet.
    pub(super) fn keep_as_it_was(&mut self, entry: &Entry) {
        let Some(mut cut) = self.cut.take() else { return };
        for on in self.ledger.days.dropped_on(entry.business_date) {
            if let Some(length) = cut.days.get(&on) {
                self.ledger.days.take_down(on, 0..*length, cut.number, &mut cut.saved.days);
            }
        }
        if let Some(customer) = entry.record.customer() {
            self.keep_customer(customer, &mut cut);
        }
        for payment in entry.record.payments() {
            self.keep_payment(&payment, entry, &mut cut);
        }
        self.cut = Some(cut);
    }

    fn keep_customer(&mut self, customer: &CustomerId, cut: &mut Cut) {
        if let Some(seat) = self.customers.seat(customer) {
            self.keep_seat(seat, cut);
        }
    }

    fn keep_seat(&mut self, seat: Seat, cut: &mut Cut) {
        if seat.index() < cut.customers {
            let (account, holder) = self.customers.both_mut(seat);
            cut.saved.customers.extend(copy_customer(account, holder, cut.number));
        }
    }

    /// A payment, its payer, and the sums of the terminals that the step may count in.
    fn keep_payment(&mut self, payment: &PaymentId, entry: &Entry, cut: &mut Cut) {
        let Some(found) = self.payments.get_mut(payment) else { return };
        cut.saved.payments.extend(copy_payment(found, cut.number));
        let (terminal, opened_on) = (found.view.terminal, found.opened_on);
        let charge = found.view.terms.as_ref().map(|terms| &terms.charge);
        let currency = charge.map(crate::offer::Charge::price_currency);
        if let Some(seat) = found.payer {
            self.keep_seat(seat, cut);
        }
        let Some(currency) = currency else { return };
        self.keep_sums(opened_on, &terminal, currency, cut);
        self.keep_sums(entry.business_date, &terminal, currency, cut);
        if let Record::Refunded(refunded) = &entry.record {
            self.keep_sums(entry.business_date, &refunded.terminal, currency, cut);
        }
    }

    fn keep_sums(
        &mut self,
        on: BusinessDate,
        terminal: &TerminalId,
        currency: Currency,
        cut: &mut Cut,
    ) {
        let days = &mut self.ledger.days;
        let Some(place) = days.find(on, terminal, currency) else { return };
        if cut.days.get(&on).is_some_and(|length| place < *length) {
            let own = place..place.saturating_add(1);
            days.take_down(on, own, cut.number, &mut cut.saved.days);
        }
    }
}

fn copy_customer(account: &Account, holder: &mut Holder, number: u32) -> Option<CustomerCopy> {
    if holder.cut == number {
        return None;
    }
    holder.cut = number;
    let row = CustomerRow::new(account, holder);
    Some(CustomerCopy { row, devices: holder.devices.clone() })
}

fn copy_payment(payment: &mut Payment, number: u32) -> Option<KeptPayment> {
    if payment.cut == number {
        return None;
    }
    payment.cut = number;
    Some(KeptPayment {
        row: payment.row(),
        wrong: payment.pending.as_ref().map_or(0, |pending| pending.wrong),
        notice: payment.view.notice,
        touched_ms: payment.touched_ms,
    })
}
