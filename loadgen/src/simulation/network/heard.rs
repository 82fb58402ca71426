//! All that tills and handsets were told, and held to itself: nobody may be told two things.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;

use kessai_client::terms::{Amount, CustomerId, PaymentId};
use kessai_client::wire::{Handset, Notice, Payment, PaymentState};

use super::weather::Weather;

/// What everybody was told so far.
pub(super) struct Heard {
    weather: Weather,
    told: RefCell<Told>,
}

/// A payment as its till knows it.
#[derive(Debug, Clone)]
pub(super) struct Bought {
    pub(super) customer: CustomerId,
    pub(super) price: Amount,
    /// Every answer about it that differs from those before.
    pub(super) answers: Vec<Payment>,
    /// How it ended for the till, which asks no more.
    pub(super) end: Option<Payment>,
    /// Refunds that were asked for, and whether they were made, as far as that is known.
    pub(super) refunds: BTreeMap<PaymentId, (Amount, Option<RefundEnd>)>,
}

/// What became of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefundEnd {
    Made,
    Refused,
}

#[derive(Debug, Default)]
struct Told {
    bought: BTreeMap<PaymentId, Bought>,
    notices: BTreeMap<(CustomerId, u64), Notice>,
    /// Which handset was told the notice of which number.
    noticed: HashSet<(Handset, u64)>,
    wrong: Option<String>,
    count: u64,
}

impl Heard {
    pub(super) fn new(weather: &Weather) -> Self {
        Self { weather: weather.clone(), told: RefCell::default() }
    }

    /// Notes that a till begins a purchase.
    pub(super) fn begins(&self, payment: PaymentId, customer: CustomerId, price: Amount) {
        let bought =
            Bought { customer, price, answers: Vec::new(), end: None, refunds: BTreeMap::new() };
        self.told.borrow_mut().bought.insert(payment, bought);
    }

    /// Notes what a till is told of a payment.
    pub(super) fn answered(&self, payment: &Payment) {
        self.note(&(payment.payment, payment.state, payment.captured, payment.refunded));
        self.of(payment.payment, |bought| {
            // A refund that an answer is about says nothing of how the payment stands.
            let answer = Payment { refund: None, ..*payment };
            if !bought.answers.contains(&answer) {
                bought.answers.push(answer);
            }
        });
    }

    /// Notes that a till asks no more: this is how it ended.
    pub(super) fn ended(&self, payment: &Payment) {
        self.answered(payment);
        self.of(payment.payment, |bought| bought.end = Some(*payment));
    }

    /// Notes that a refund is asked for.
    pub(super) fn refunding(&self, payment: PaymentId, refund: PaymentId, amount: Amount) {
        self.of(payment, |bought| {
            bought.refunds.insert(refund, (amount, None));
        });
    }

    /// Notes what became of a refund.
    pub(super) fn refunded(&self, payment: PaymentId, refund: PaymentId, end: RefundEnd) {
        self.note(&("refund", refund, end == RefundEnd::Made));
        self.of(payment, |bought| {
            if let Some((_, told)) = bought.refunds.get_mut(&refund) {
                *told = Some(end);
            }
        });
    }

    /// Notes a notice that a handset is told, unasked or as the answer to a proof.
    pub(super) fn noticed(&self, handset: Handset, notice: &Notice) {
        let number = notice.number.get();
        self.note(&("notice", handset, number, notice.payment, notice.state));
        let mut told = self.told.borrow_mut();
        told.noticed.insert((handset, number));
        let customer = handset.customer;
        let known = told.notices.entry((customer, number)).or_insert_with(|| notice.clone());
        if known != notice {
            let wrong = format!("notice {number} of {customer} was {known:?}, now {notice:?}");
            told.wrong.get_or_insert(wrong);
        }
    }

    /// Notes something that nobody may be told.
    pub(super) fn is_wrong(&self, what: String) {
        self.told.borrow_mut().wrong.get_or_insert(what);
    }

    /// Notes anything else that somebody is told.
    pub(super) fn note(&self, what: &(impl Hash + Debug)) {
        self.weather.told(what);
        let mut told = self.told.borrow_mut();
        told.count = told.count.saturating_add(1);
    }

    /// What was wrong in itself, if anything.
    pub(super) fn wrong(&self) -> Option<String> {
        self.told.borrow().wrong.clone()
    }

    /// How much was told.
    pub(super) fn count(&self) -> u64 {
        self.told.borrow().count
    }

    /// Goes through the purchases.
    pub(super) fn each_bought<E>(
        &self,
        mut look: impl FnMut(PaymentId, &Bought) -> Result<(), E>,
    ) -> Result<(), E> {
        self.told.borrow().bought.iter().try_for_each(|(payment, bought)| look(*payment, bought))
    }

    /// Goes through the notices, by customer and number.
    pub(super) fn each_notice<E>(
        &self,
        mut look: impl FnMut(CustomerId, &Notice) -> Result<(), E>,
    ) -> Result<(), E> {
        let told = self.told.borrow();
        told.notices.iter().try_for_each(|((customer, _), notice)| look(*customer, notice))
    }

    /// Says whether a handset was told the notice of this number.
    pub(super) fn has_noticed(&self, handset: &Handset, number: u64) -> bool {
        self.told.borrow().noticed.contains(&(*handset, number))
    }

    /// How a purchase stands, for its till.
    pub(super) fn bought(&self, payment: PaymentId) -> Option<Bought> {
        self.told.borrow().bought.get(&payment).cloned()
    }

    fn of(&self, payment: PaymentId, change: impl FnOnce(&mut Bought)) {
        if let Some(bought) = self.told.borrow_mut().bought.get_mut(&payment) {
            change(bought);
        }
    }
}

/// Says whether a payment that stood as `before` may stand as `now` later.
pub(super) fn may_become(before: PaymentState, now: PaymentState) -> bool {
    use PaymentState::{
        Authorised, Cancelled, Captured, Declined, Expired, PartlyRefunded, Pending, Refunded,
        Reversed,
    };
    match before {
        Pending => true,
        Authorised => {
            matches!(now, Authorised | Captured | Reversed | PartlyRefunded | Refunded)
        }
        Captured => matches!(now, Captured | Reversed | PartlyRefunded | Refunded),
        PartlyRefunded => matches!(now, PartlyRefunded | Refunded),
        Reversed | Refunded | Declined | Cancelled | Expired => now == before,
    }
}
