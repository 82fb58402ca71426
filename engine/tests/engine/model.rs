//! A plain model of the engine: one list of payments and one of customers, without shards, holds,
//! records or journal. What is held, spent or taken on a day is added up anew each time.

use std::cell::RefCell;
use std::collections::BTreeMap;

use kessai_engine::terms::reason::Reason;
use kessai_engine::{Capture, NamedBy, Naming, PaymentState, Rules, Standing};

use crate::kit::{BALANCE, NOON_MS};

mod ends;
mod opening;
mod proving;

/// The numbers of the model, low enough to be met often.
pub(crate) fn rules() -> Rules {
    Rules {
        tries_per_payment: 2,
        tries_in_row: 3,
        open_per_customer: 2,
        open_per_terminal: 2,
        open_in_all: 3,
        delivery_ms: DELIVERY_MS,
        asks_per_minute: ASKS,
        mute_after: UNANSWERED,
        mute_window_ms: MUTE_MS,
        declines_per_terminal_per_minute: DECLINES,
        ..Rules::default()
    }
}

/// A second before midnight in Japan, so that some reversals come after the cut-off.
pub(crate) const START_MS: u64 = NOON_MS - 60_000 + 12 * 3_600_000 - 1_000;
/// How long an offer can be confirmed.
pub(crate) const PROMPT_MS: u64 = 3_000;
const DELIVERY_MS: u64 = 1_500;
const ASKS: u32 = 8;
const UNANSWERED: u8 = 2;
const MUTE_MS: u64 = 10_000;
const DECLINES: u32 = 4;
const DAY_MS: u64 = 86_400_000;
const MINUTE_MS: u64 = 60_000;
const JAPAN_MS: u64 = 9 * 3_600_000;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Password {
    Right,
    Wrong,
    /// Right, but for a prompt that was never open.
    Stale,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Road {
    Own,
    Hub,
    /// Through a hub that does not have the handset's tag.
    RogueHub,
}

/// What a terminal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) who: u8,
    /// In the merchant's currency.
    pub(crate) price: u64,
    pub(crate) capture: Capture,
    pub(crate) named_by: NamedBy,
}

/// The third till is abroad: a dollar is 150 yen, and its merchant another one.
pub(crate) const ABROAD: usize = 2;

/// Yen for a price at that till, half up.
pub(crate) const fn yen_for(till: usize, price: u64) -> u64 {
    if till == ABROAD { (price * 150 + 50) / 100 } else { price }
}

#[derive(Debug, Clone)]
pub(crate) struct Payment {
    pub(crate) till: usize,
    /// None if a cancel came first.
    pub(crate) asked: Option<Asked>,
    pub(crate) state: PaymentState,
    pub(crate) reason: Option<Reason>,
    pub(crate) wrong: u8,
    /// The prompt of the payer's handset.
    pub(crate) prompt: Option<u64>,
    /// Yen and price.
    pub(crate) captured: (u64, u64),
    pub(crate) refunded: (u64, u64),
    deadline_ms: u64,
    opened_on: u64,
    captured_on: u64,
}

/// A refund as it was asked for, and the yen that it gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refund {
    pub(crate) of: u16,
    pub(crate) till: usize,
    pub(crate) price: u64,
    pub(crate) yen: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Customer {
    pub(crate) balance: u64,
    pub(crate) wrong_in_row: u8,
    /// Which keys the handset has.
    pub(crate) version: u32,
    pub(crate) standing: Standing,
    pub(crate) named_by: Naming,
    pub(crate) per_day: Option<u64>,
    pub(crate) count_per_day: Option<u32>,
    /// When the minute of asks began, and how many it has.
    asks: (u64, u32),
    in_vain: Vec<u64>,
    /// By reference: what was moved, negative if taken.
    pub(crate) transfers: BTreeMap<u64, i64>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Till {
    pub(crate) standing: Standing,
    pub(crate) per_day: Option<u64>,
    /// In which minute how many opens were declined.
    declines: (u64, u32),
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) now_ms: u64,
    pub(crate) nonces: u64,
    pub(crate) customers: BTreeMap<u8, Customer>,
    pub(crate) tills: [Till; 3],
    pub(crate) payments: BTreeMap<u16, Payment>,
    pub(crate) refunds: BTreeMap<u16, Refund>,
    /// When the terminals made the ids that they use.
    made_ms: RefCell<BTreeMap<u16, u64>>,
    /// Ids that were made before open nothing new.
    pub(crate) floor_ms: u64,
    pub(crate) funded: i64,
    /// By till and day: how many captures of how much, reversals of how much, refunds of how much.
    pub(crate) totals: BTreeMap<(usize, u64), [u64; 6]>,
}

/// Where a payment stands, or why nothing is told.
pub(crate) type Answer = Result<(PaymentState, Option<Reason>), Reason>;

impl Model {
    pub(crate) fn new() -> Self {
        let customer = Customer { balance: BALANCE, version: 1, ..Customer::default() };
        Self {
            now_ms: START_MS,
            nonces: 0,
            customers: (1..=4).map(|n| (n, customer.clone())).collect(),
            tills: Default::default(),
            payments: BTreeMap::new(),
            refunds: BTreeMap::new(),
            made_ms: RefCell::default(),
            floor_ms: 0,
            funded: 4 * i64::try_from(BALANCE).unwrap(),
            totals: BTreeMap::new(),
        }
    }

    /// When an id was made: when it is first used, or up to a second later, by another clock.
    pub(crate) fn made_ms(&self, serial: u16) -> u64 {
        let made_ms = self.now_ms + u64::from(serial % 3) * 500;
        *self.made_ms.borrow_mut().entry(serial).or_insert(made_ms)
    }

    pub(crate) fn is_too_old(&self, serial: u16) -> bool {
        self.made_ms(serial) < self.floor_ms
    }

    /// What a restart forgets: prompts, and how often tills were declined lately.
    pub(crate) fn restart(&mut self) {
        for payment in self.payments.values_mut() {
            payment.prompt = None;
        }
        for till in &mut self.tills {
            till.declines = (0, 0);
        }
    }

    pub(crate) fn day(&self) -> u64 {
        (self.now_ms + JAPAN_MS) / DAY_MS
    }

    /// Counts one capture (0), reversal (1) or refund (2) today.
    fn total(&mut self, what: usize, till: usize, price: u64) {
        let totals = self.totals.entry((till, self.day())).or_default();
        totals[2 * what] += 1;
        totals[2 * what + 1] += price;
    }

    fn of(&self, who: u8) -> impl Iterator<Item = (&Payment, Asked)> {
        let asked = self.payments.values().filter_map(|p| p.asked.map(|asked| (p, asked)));
        asked.filter(move |(_, asked)| asked.who == who)
    }

    pub(crate) fn held(&self, who: u8) -> u64 {
        let waits = |payment: &Payment| {
            matches!(payment.state, PaymentState::Pending | PaymentState::Authorised)
        };
        let held = self.of(who).filter(|(payment, _)| waits(payment));
        held.map(|(payment, asked)| yen_for(payment.till, asked.price)).sum()
    }

    /// How many payments of today count among what a customer spends, and what they come to.
    pub(crate) fn spent(&self, who: u8) -> (u32, u64) {
        let today = self.of(who).filter(|(payment, _)| payment.opened_on == self.day());
        let spent = today.filter_map(|(payment, asked)| match payment.state {
            PaymentState::Pending | PaymentState::Authorised => {
                Some(yen_for(payment.till, asked.price))
            }
            PaymentState::Captured | PaymentState::Refunded => Some(payment.captured.0),
            _ => None,
        });
        spent.fold((0, 0), |(count, sum), yen| (count + 1, sum + yen))
    }

    /// What of today's prices counts against a till's limit.
    fn taken(&self, till: usize) -> u64 {
        let today = |payment: &&Payment| payment.till == till && payment.opened_on == self.day();
        let comes_to_something = |payment: &&Payment| {
            !matches!(
                payment.state,
                PaymentState::Declined | PaymentState::Cancelled | PaymentState::Expired
            )
        };
        let counted = self.payments.values().filter(today).filter(comes_to_something);
        counted.filter_map(|payment| payment.asked).map(|asked| asked.price).sum()
    }

    pub(crate) fn pending(&self, of: impl Fn(&Payment) -> bool) -> usize {
        let pending = |payment: &&Payment| payment.state == PaymentState::Pending;
        self.payments.values().filter(pending).filter(|payment| of(payment)).count()
    }

    pub(crate) fn next_nonce(&mut self) -> u64 {
        self.nonces += 1;
        self.nonces
    }

    fn answer(&self, serial: u16) -> Answer {
        let payment = &self.payments[&serial];
        Ok((payment.state, payment.reason))
    }

    /// Brings a payment to its next state; what was asked by plain id and came to nothing wears the
    /// customer's patience.
    fn set(&mut self, serial: u16, state: PaymentState, reason: Reason) -> Answer {
        let payment = self.payments.get_mut(&serial).unwrap();
        (payment.state, payment.reason) = (state, Some(reason));
        let asked = payment.asked.filter(|asked| asked.named_by == NamedBy::Id);
        let in_vain = matches!(
            reason,
            Reason::ExpiredUnseen
                | Reason::ExpiredUnanswered
                | Reason::CancelledByCustomer
                | Reason::CancelledByTerminal
                | Reason::TriesExceeded
        );
        if let Some(asked) = asked.filter(|_| in_vain) {
            self.ask_in_vain(asked.who);
        }
        Ok((state, Some(reason)))
    }

    fn ask_in_vain(&mut self, who: u8) {
        let now_ms = self.now_ms;
        self.customers.get_mut(&who).unwrap().in_vain.push(now_ms);
    }

    /// The version of the keys that were in force until now, if the next ones are `version`.
    pub(crate) fn rekey(&mut self, who: u8, version: u32) -> Option<u32> {
        let customer = self.customers.get_mut(&who).filter(|_| who <= 3)?;
        let old = customer.version;
        if old + 1 != version {
            return None;
        }
        customer.version = version;
        for payment in self.payments.values_mut() {
            if payment.asked.is_some_and(|asked| asked.who == who) {
                payment.prompt = None;
            }
        }
        Some(old)
    }

    pub(crate) fn unblock(&mut self, who: u8) -> Option<()> {
        let customer = self.customers.get_mut(&who)?;
        (customer.wrong_in_row, customer.asks) = (0, (0, 0));
        customer.in_vain.clear();
        Some(())
    }

    /// Whether a transfer is made (`Some(true)`), was made before, or is refused.
    pub(crate) fn transfer(&mut self, who: u8, reference: u64, amount: i64) -> Option<bool> {
        let held = self.held(who);
        let customer = self.customers.get_mut(&who)?;
        if let Some(before) = customer.transfers.get(&reference) {
            return (*before == amount).then_some(false);
        }
        let available = i64::try_from(customer.balance - held).unwrap();
        if available + amount < 0 {
            return None;
        }
        customer.transfers.insert(reference, amount);
        customer.balance = customer.balance.checked_add_signed(amount).unwrap();
        self.funded += amount;
        Some(true)
    }
}
