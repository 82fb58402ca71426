//! A plain model of the engine: one list of payments and one of customers, without shards, holds,
//! records or journal. What is held is added up anew each time.

use std::collections::BTreeMap;

use kessai_engine::terms::reason::Reason;
use kessai_engine::{Capture, PaymentState, Rules};

use crate::kit::{BALANCE, NOON_MS};

/// The limits of the model, low enough to be met often.
pub(crate) fn rules() -> Rules {
    Rules {
        tries_per_payment: 2,
        tries_in_row: 3,
        open_per_customer: 2,
        open_per_terminal: 2,
        open_in_all: 3,
        delivery_ms: DELIVERY_MS,
        ..Rules::default()
    }
}

/// A second before midnight in Japan, so that some reversals come after the cut-off.
pub(crate) const START_MS: u64 = NOON_MS - 60_000 + 12 * 3_600_000 - 1_000;
/// How long an offer can be confirmed.
pub(crate) const PROMPT_MS: u64 = 3_000;
const DELIVERY_MS: u64 = 1_500;
const DAY_MS: u64 = 86_400_000;
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

#[derive(Debug, Clone)]
pub(crate) struct Payment {
    pub(crate) till: usize,
    /// Who, how much, and when captured; none if a cancel came first.
    pub(crate) asked: Option<(u8, u64, Capture)>,
    pub(crate) state: PaymentState,
    pub(crate) reason: Option<Reason>,
    pub(crate) wrong: u8,
    /// The prompt of the payer's handset.
    pub(crate) prompt: Option<u64>,
    deadline_ms: u64,
    captured_on: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Customer {
    pub(crate) balance: u64,
    pub(crate) wrong_in_row: u8,
    /// Which keys the handset has.
    pub(crate) version: u32,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) now_ms: u64,
    pub(crate) nonces: u64,
    pub(crate) customers: BTreeMap<u8, Customer>,
    pub(crate) payments: BTreeMap<u16, Payment>,
    pub(crate) funded: u64,
    /// By till and day: how many captures of how much, how many reversals of how much.
    pub(crate) totals: BTreeMap<(usize, u64), [u64; 4]>,
}

/// Where a payment stands, or why nothing is told.
pub(crate) type Answer = Result<(PaymentState, Option<Reason>), Reason>;

impl Model {
    pub(crate) fn new() -> Self {
        let customer = Customer { balance: BALANCE, wrong_in_row: 0, version: 1 };
        let customers = (1..=4).map(|n| (n, customer.clone())).collect();
        let (payments, funded) = (BTreeMap::new(), 4 * BALANCE);
        let totals = BTreeMap::new();
        Self { now_ms: START_MS, nonces: 0, customers, payments, funded, totals }
    }

    fn day(&self) -> u64 {
        (self.now_ms + JAPAN_MS) / DAY_MS
    }

    fn count_capture(&mut self, till: usize, price: u64) {
        let totals = self.totals.entry((till, self.day())).or_default();
        (totals[0], totals[1]) = (totals[0] + 1, totals[1] + price);
    }

    fn count_reversal(&mut self, till: usize, price: u64) {
        let totals = self.totals.entry((till, self.day())).or_default();
        (totals[2], totals[3]) = (totals[2] + 1, totals[3] + price);
    }

    pub(crate) fn held(&self, who: u8) -> u64 {
        let waits = |payment: &&Payment| {
            matches!(payment.state, PaymentState::Pending | PaymentState::Authorised)
        };
        let asked = self.payments.values().filter(waits).filter_map(|payment| payment.asked);
        asked.filter(|(payer, ..)| *payer == who).map(|(_, price, _)| price).sum()
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

    fn set(&mut self, serial: u16, state: PaymentState, reason: Reason) -> Answer {
        let payment = self.payments.get_mut(&serial).unwrap();
        (payment.state, payment.reason) = (state, Some(reason));
        Ok((state, Some(reason)))
    }

    pub(crate) fn open(&mut self, serial: u16, till: usize, asked: (u8, u64, Capture)) -> Answer {
        if let Some(known) = self.payments.get(&serial) {
            let alike = known.till == till && known.asked.is_none_or(|other| other == asked);
            return if alike { self.answer(serial) } else { Err(Reason::PaymentIdReused) };
        }
        if self.pending(|_| true) >= 3 {
            return Err(Reason::Busy);
        }
        if self.pending(|payment| payment.till == till) >= 2 {
            return Err(Reason::TooManyPending);
        }
        let (who, price, _) = asked;
        let reason = match self.customers.get(&who) {
            None => Some(Reason::CustomerUnknown),
            Some(customer) if customer.wrong_in_row >= 3 => Some(Reason::TriesExhausted),
            Some(_) if who == 4 => Some(Reason::NoDevice),
            Some(_) if self.pending(|p| p.asked.is_some_and(|(payer, ..)| payer == who)) >= 2 => {
                Some(Reason::PromptOpen)
            }
            Some(customer) if customer.balance - self.held(who) < price => {
                Some(Reason::InsufficientFunds)
            }
            Some(_) => None,
        };
        let state = reason.map_or(PaymentState::Pending, |_| PaymentState::Declined);
        let payment = Payment {
            till,
            asked: Some(asked),
            state,
            reason,
            wrong: 0,
            prompt: None,
            deadline_ms: self.now_ms + PROMPT_MS,
            captured_on: 0,
        };
        self.payments.insert(serial, payment);
        self.answer(serial)
    }

    /// The prompt that is open from now on, if the payer's handset has something to answer.
    pub(crate) fn ask(&mut self, serial: u16, who: u8) -> Option<u64> {
        let payment = self.payments.get(&serial)?;
        let own = payment.asked.is_some_and(|(payer, ..)| payer == who) && who <= 3;
        if !own || payment.state != PaymentState::Pending {
            return None;
        }
        let prompt = self.next_nonce();
        self.payments.get_mut(&serial).unwrap().prompt = Some(prompt);
        Some(prompt)
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
            if payment.asked.is_some_and(|(payer, ..)| payer == who) {
                payment.prompt = None;
            }
        }
        Some(old)
    }

    pub(crate) fn expire(&mut self, serial: u16) -> Answer {
        let payment = &self.payments[&serial];
        match (payment.state, payment.prompt) {
            (PaymentState::Authorised, _) => {
                self.set(serial, PaymentState::Reversed, Reason::NotDispensed)
            }
            (_, None) => self.set(serial, PaymentState::Expired, Reason::ExpiredUnseen),
            (_, Some(_)) => self.set(serial, PaymentState::Expired, Reason::ExpiredUnanswered),
        }
    }

    pub(crate) fn due(&self) -> Vec<u16> {
        let due = |payment: &Payment| {
            matches!(payment.state, PaymentState::Pending | PaymentState::Authorised)
                && payment.deadline_ms <= self.now_ms
        };
        self.payments.iter().filter(|(_, p)| due(p)).map(|(serial, _)| *serial).collect()
    }

    /// What comes of a proof; `next` becomes the prompt where one more is asked for.
    pub(crate) fn prove(
        &mut self,
        serial: u16,
        who: u8,
        (password, road): (Password, Road),
        next: u64,
    ) -> Answer {
        let (now_ms, day) = (self.now_ms, self.day());
        let Some(payment) = self.payments.get_mut(&serial) else {
            return Err(Reason::ProofRefused);
        };
        let Some((_, price, capture)) = payment.asked.filter(|(p, ..)| *p == who && who <= 3)
        else {
            return Err(Reason::ProofRefused);
        };
        if payment.state != PaymentState::Pending {
            return self.answer(serial);
        }
        if payment.deadline_ms <= now_ms {
            return self.expire(serial);
        }
        let customer = self.customers.get_mut(&who).unwrap();
        if customer.wrong_in_row >= 3 {
            return Err(Reason::TriesExhausted);
        }
        let is_right = matches!((password, payment.prompt), (Password::Right, Some(_)));
        if road == Road::RogueHub && !is_right {
            return Err(Reason::ProofRefused);
        }
        match (password, payment.prompt, capture) {
            (Password::Stale, ..) | (_, None, _) => {
                payment.prompt = Some(next);
                return Err(Reason::PromptStale);
            }
            (Password::Right, Some(_), Capture::AtApproval) => {
                customer.wrong_in_row = 0;
                customer.balance -= price;
                payment.captured_on = day;
                let till = payment.till;
                self.count_capture(till, price);
                return self.set(serial, PaymentState::Captured, Reason::Approved);
            }
            (Password::Right, Some(_), Capture::OnDelivery) => {
                customer.wrong_in_row = 0;
                payment.deadline_ms = now_ms + DELIVERY_MS;
                return self.set(serial, PaymentState::Authorised, Reason::Approved);
            }
            (Password::Wrong, Some(_), _) => {}
        }
        customer.wrong_in_row += 1;
        payment.wrong += 1;
        payment.prompt = Some(next);
        if payment.wrong == 2 || customer.wrong_in_row == 3 {
            return self.set(serial, PaymentState::Declined, Reason::TriesExceeded);
        }
        self.answer(serial)
    }

    pub(crate) fn cancel(&mut self, serial: u16, till: usize) -> Answer {
        let reason = Reason::CancelledByTerminal;
        match self.payments.get(&serial) {
            None => {
                let payment = Payment {
                    till,
                    asked: None,
                    state: PaymentState::Cancelled,
                    reason: Some(reason),
                    wrong: 0,
                    prompt: None,
                    deadline_ms: self.now_ms,
                    captured_on: 0,
                };
                self.payments.insert(serial, payment);
                self.answer(serial)
            }
            Some(payment) if payment.till != till => Err(Reason::PaymentUnknown),
            Some(payment) if payment.state == PaymentState::Pending => {
                self.set(serial, PaymentState::Cancelled, reason)
            }
            Some(_) => self.answer(serial),
        }
    }

    pub(crate) fn cancel_by_customer(&mut self, serial: u16, who: u8) -> Answer {
        let own =
            |payment: &&Payment| payment.asked.is_some_and(|(payer, ..)| payer == who) && who <= 4;
        let payment = self.payments.get(&serial).filter(own).ok_or(Reason::PaymentUnknown)?;
        if payment.state == PaymentState::Pending {
            return self.set(serial, PaymentState::Cancelled, Reason::CancelledByCustomer);
        }
        self.answer(serial)
    }

    fn own(&self, serial: u16, till: usize) -> Result<&Payment, Reason> {
        let own = |payment: &&Payment| payment.till == till;
        self.payments.get(&serial).filter(own).ok_or(Reason::PaymentUnknown)
    }

    pub(crate) fn deliver(&mut self, serial: u16, till: usize) -> Answer {
        match self.own(serial, till)?.state {
            PaymentState::Captured => self.answer(serial),
            PaymentState::Authorised => {
                let day = self.day();
                let payment = self.payments.get_mut(&serial).unwrap();
                payment.captured_on = day;
                let (who, price, _) = payment.asked.unwrap();
                self.customers.get_mut(&who).unwrap().balance -= price;
                self.count_capture(till, price);
                self.set(serial, PaymentState::Captured, Reason::Approved)
            }
            _ => Err(Reason::StateForbids),
        }
    }

    pub(crate) fn reverse(&mut self, serial: u16, till: usize) -> Answer {
        let Ok(payment) = self.own(serial, till) else { return self.cancel(serial, till) };
        let (state, asked, captured_on) = (payment.state, payment.asked, payment.captured_on);
        match state {
            PaymentState::Pending => self.cancel(serial, till),
            PaymentState::Captured if captured_on != self.day() => Err(Reason::StateForbids),
            PaymentState::Captured | PaymentState::Authorised => {
                let (who, price, _) = asked.unwrap();
                if state == PaymentState::Captured {
                    self.customers.get_mut(&who).unwrap().balance += price;
                    self.count_reversal(till, price);
                }
                self.set(serial, PaymentState::Reversed, Reason::ReversedOnRequest)
            }
            _ => self.answer(serial),
        }
    }
}
