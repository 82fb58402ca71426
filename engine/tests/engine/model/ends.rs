//! Captured, taken back, given back, called off, out of time.

use kessai_engine::terms::reason::Reason;
use kessai_engine::{PaymentState, ReverseCause, Standing};

use super::{ABROAD, Answer, Model, Payment, Refund, yen_for};

impl Model {
    pub(super) fn capture(&mut self, serial: u16, (yen, price): (u64, u64)) -> Answer {
        let day = self.day();
        let payment = self.payments.get_mut(&serial).unwrap();
        (payment.captured, payment.captured_on) = ((yen, price), day);
        let (till, who) = (payment.till, payment.asked.unwrap().who);
        self.customers.get_mut(&who).unwrap().balance -= yen;
        self.total(0, till, price);
        self.set(serial, PaymentState::Captured, Reason::Approved)
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

    pub(crate) fn cancel(&mut self, serial: u16, till: usize) -> Answer {
        let reason = Reason::CancelledByTerminal;
        if self.refunds.contains_key(&serial) {
            return Err(Reason::PaymentUnknown);
        }
        match self.payments.get(&serial) {
            None if self.is_too_old(serial) => Err(Reason::PaymentUnknown),
            None => {
                let payment = Payment {
                    till,
                    asked: None,
                    state: PaymentState::Cancelled,
                    reason: Some(reason),
                    wrong: 0,
                    prompt: None,
                    captured: (0, 0),
                    refunded: (0, 0),
                    deadline_ms: self.now_ms,
                    opened_on: self.day(),
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
            |payment: &&Payment| payment.asked.is_some_and(|asked| asked.who == who) && who <= 4;
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

    /// Delivers goods for `price`.
    pub(crate) fn deliver(&mut self, serial: u16, till: usize, price: u64) -> Answer {
        let payment = self.own(serial, till)?;
        let asked = payment.asked.ok_or(Reason::StateForbids)?;
        if price > asked.price {
            return Err(Reason::AmountInvalid);
        }
        match payment.state {
            PaymentState::Authorised if price == 0 => {
                self.set(serial, PaymentState::Reversed, Reason::NotDispensed)
            }
            PaymentState::Authorised => self.capture(serial, (yen_for(till, price), price)),
            PaymentState::Captured | PaymentState::Refunded if payment.captured.1 == price => {
                self.answer(serial)
            }
            PaymentState::Reversed
                if price == 0 && payment.reason == Some(Reason::NotDispensed) =>
            {
                self.answer(serial)
            }
            _ => Err(Reason::StateForbids),
        }
    }

    pub(crate) fn reverse(&mut self, serial: u16, till: usize, cause: ReverseCause) -> Answer {
        let Ok(payment) = self.own(serial, till) else { return self.cancel(serial, till) };
        let (state, asked, captured_on) = (payment.state, payment.asked, payment.captured_on);
        let (yen, price) = payment.captured;
        let reason = match cause {
            ReverseCause::OnRequest => Reason::ReversedOnRequest,
            ReverseCause::NotDispensed => Reason::NotDispensed,
        };
        match state {
            PaymentState::Pending => self.cancel(serial, till),
            PaymentState::Refunded => Err(Reason::StateForbids),
            PaymentState::Captured if captured_on != self.day() => Err(Reason::StateForbids),
            PaymentState::Captured => {
                self.customers.get_mut(&asked.unwrap().who).unwrap().balance += yen;
                self.total(1, till, price);
                self.set(serial, PaymentState::Reversed, reason)
            }
            PaymentState::Authorised => self.set(serial, PaymentState::Reversed, reason),
            _ => self.answer(serial),
        }
    }

    /// The yen that a refund gives, and all that the payment has given back by now.
    pub(crate) fn refund(
        &mut self,
        serial: u16,
        (of, till): (u16, usize),
        price: u64,
    ) -> Result<(u64, u64), Reason> {
        if let Some(made) = self.refunds.get(&serial) {
            let alike = (made.of, made.till, made.price) == (of, till, price);
            let told = (made.yen, self.payments[&made.of].refunded.0);
            return if alike { Ok(told) } else { Err(Reason::PaymentIdReused) };
        }
        if self.payments.contains_key(&serial) {
            return Err(Reason::PaymentIdReused);
        }
        if self.is_too_old(serial) {
            return Err(Reason::PaymentIdTooOld);
        }
        if self.tills[till].standing == Standing::Frozen {
            return Err(Reason::TerminalFrozen);
        }
        let merchants = |payment: &&mut Payment| {
            payment.asked.is_some() && (payment.till == ABROAD) == (till == ABROAD)
        };
        let payment = self.payments.get_mut(&of).filter(merchants).ok_or(Reason::PaymentUnknown)?;
        if !matches!(payment.state, PaymentState::Captured | PaymentState::Refunded) {
            return Err(Reason::StateForbids);
        }
        let (captured, refunded) = (payment.captured, payment.refunded);
        if refunded.1 + price > captured.1 {
            return Err(Reason::AmountAboveCapture);
        }
        // Of all that is given back of the price, the same share of the yen, half up.
        let share = captured.0 * (refunded.1 + price);
        let all = (2 * share + captured.1) / (2 * captured.1);
        payment.refunded = (all, refunded.1 + price);
        payment.state = PaymentState::Refunded;
        let yen = all - refunded.0;
        self.customers.get_mut(&payment.asked.unwrap().who).unwrap().balance += yen;
        self.refunds.insert(serial, Refund { of, till, price, yen });
        self.total(2, till, price);
        Ok((yen, all))
    }
}
