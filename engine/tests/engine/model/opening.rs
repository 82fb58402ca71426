//! Who is asked to pay.

use kessai_engine::terms::reason::Reason;
use kessai_engine::{NamedBy, Naming, PaymentState, Standing};

use super::{
    ASKS, Answer, Asked, DECLINES, MINUTE_MS, MUTE_MS, Model, Payment, UNANSWERED, yen_for,
};

impl Model {
    pub(crate) fn open(&mut self, serial: u16, till: usize, asked: Asked, wait_ms: u64) -> Answer {
        if let Some(known) = self.payments.get(&serial) {
            let alike = known.till == till && known.asked.is_none_or(|other| other == asked);
            return if alike { self.answer(serial) } else { Err(Reason::PaymentIdReused) };
        }
        if self.refunds.contains_key(&serial) {
            return Err(Reason::PaymentIdReused);
        }
        if self.is_too_old(serial) {
            return Err(Reason::PaymentIdTooOld);
        }
        if let Some(reason) = self.refusal(till, asked) {
            return Err(reason);
        }
        let displaced = self.displaced_by(asked);
        let reason = self.obstacle(till, asked, &displaced);
        let minute = self.now_ms / MINUTE_MS;
        match reason {
            None => {
                for other in displaced {
                    self.set(other, PaymentState::Cancelled, Reason::PreEmpted).unwrap();
                }
            }
            Some(_) => match &mut self.tills[till].declines {
                (of, count) if *of == minute => *count += 1,
                declines => *declines = (minute, 1),
            },
        }
        if asked.named_by == NamedBy::Id && reason != Some(Reason::Muted) {
            self.count_ask(asked.who);
        }
        let too_much = matches!(
            reason,
            Some(Reason::DayLimit | Reason::CountLimit | Reason::InsufficientFunds)
        );
        if asked.named_by == NamedBy::Id && too_much {
            self.ask_in_vain(asked.who);
        }
        let state = reason.map_or(PaymentState::Pending, |_| PaymentState::Declined);
        let payment = Payment {
            till,
            asked: Some(asked),
            state,
            reason,
            wrong: 0,
            prompt: None,
            captured: (0, 0),
            refunded: (0, 0),
            deadline_ms: self.now_ms + wait_ms,
            opened_on: self.day(),
            captured_on: 0,
        };
        self.payments.insert(serial, payment);
        self.answer(serial)
    }

    fn refusal(&self, till: usize, asked: Asked) -> Option<Reason> {
        let own = &self.tills[till];
        if self.pending(|_| true) >= 3 {
            return Some(Reason::Busy);
        }
        if own.declines.0 == self.now_ms / MINUTE_MS && own.declines.1 >= DECLINES {
            return Some(Reason::TooManyRequests);
        }
        if self.pending(|payment| payment.till == till) >= 2 {
            return Some(Reason::TooManyPending);
        }
        if own.standing == Standing::Frozen {
            return Some(Reason::TerminalFrozen);
        }
        let over = own.per_day.is_some_and(|most| self.taken(till) + asked.price > most);
        over.then_some(Reason::TerminalLimit)
    }

    /// The payments by plain id that one by code takes the place of.
    fn displaced_by(&self, asked: Asked) -> Vec<u16> {
        let waits = |payment: &Payment| {
            payment.state == PaymentState::Pending
                && payment
                    .asked
                    .is_some_and(|other| other.who == asked.who && other.named_by == NamedBy::Id)
        };
        let waiting = self.payments.iter().filter(|(_, payment)| waits(payment));
        match asked.named_by {
            NamedBy::Id => Vec::new(),
            NamedBy::Code => waiting.map(|(serial, _)| *serial).collect(),
        }
    }

    fn obstacle(&self, till: usize, asked: Asked, displaced: &[u16]) -> Option<Reason> {
        let Some(customer) = self.customers.get(&asked.who) else {
            return Some(Reason::CustomerUnknown);
        };
        let yen = yen_for(till, asked.price);
        let given_back: u64 = displaced
            .iter()
            .map(|serial| {
                let other = &self.payments[serial];
                yen_for(other.till, other.asked.unwrap().price)
            })
            .sum();
        let of_today = displaced.iter().filter(|id| self.payments[id].opened_on == self.day());
        let (mut count, mut spent) = self.spent(asked.who);
        for serial in of_today {
            let other = &self.payments[serial];
            (count, spent) = (count - 1, spent - yen_for(other.till, other.asked.unwrap().price));
        }
        let open =
            self.pending(|payment| payment.asked.is_some_and(|other| other.who == asked.who));
        let by_id = asked.named_by == NamedBy::Id;
        let available = customer.balance - self.held(asked.who) + given_back;
        let obstacles = [
            (by_id && customer.named_by == Naming::CodeOnly, Reason::CodeRequired),
            (customer.standing == Standing::Frozen, Reason::CustomerFrozen),
            (customer.wrong_in_row >= 3, Reason::TriesExhausted),
            (by_id && self.is_muted(asked.who), Reason::Muted),
            (asked.who == 4, Reason::NoDevice),
            (open - displaced.len() >= 2, Reason::PromptOpen),
            (customer.per_day.is_some_and(|most| spent + yen > most), Reason::DayLimit),
            (customer.count_per_day.is_some_and(|most| count >= most), Reason::CountLimit),
            (available < yen, Reason::InsufficientFunds),
        ];
        obstacles.into_iter().find(|(applies, _)| *applies).map(|(_, reason)| reason)
    }

    fn is_muted(&self, who: u8) -> bool {
        let customer = &self.customers[&who];
        let (since, count) = customer.asks;
        let asked = if self.now_ms < since + MINUTE_MS { count } else { 0 };
        let lately = customer.in_vain.iter().filter(|at| self.now_ms < **at + MUTE_MS).count();
        asked >= ASKS || lately >= usize::from(UNANSWERED)
    }

    fn count_ask(&mut self, who: u8) {
        let now_ms = self.now_ms;
        let Some(customer) = self.customers.get_mut(&who) else { return };
        match &mut customer.asks {
            (since, count) if now_ms < *since + MINUTE_MS && *count > 0 => *count += 1,
            asks => *asks = (now_ms, 1),
        }
    }
}
