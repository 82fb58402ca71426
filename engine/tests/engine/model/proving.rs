//! Who is asked by handset, and what comes of a proof.

use kessai_engine::terms::reason::Reason;
use kessai_engine::{Capture, PaymentState, Standing};

use super::{Answer, DELIVERY_MS, Model, Password, Road, yen_for};

impl Model {
    /// The prompt that is open from now on, if the payer's handset has something to answer.
    pub(crate) fn ask(&mut self, serial: u16, who: u8) -> Option<u64> {
        let payment = self.payments.get(&serial)?;
        let own = payment.asked.is_some_and(|asked| asked.who == who) && who <= 3;
        if !own || payment.state != PaymentState::Pending {
            return None;
        }
        let prompt = self.next_nonce();
        self.payments.get_mut(&serial).unwrap().prompt = Some(prompt);
        Some(prompt)
    }

    /// What comes of a proof; `next` becomes the prompt where one more is asked for.
    pub(crate) fn prove(
        &mut self,
        serial: u16,
        who: u8,
        (password, road): (Password, Road),
        next: u64,
    ) -> Answer {
        let now_ms = self.now_ms;
        let Some(payment) = self.payments.get_mut(&serial) else {
            return Err(Reason::ProofRefused);
        };
        let Some(asked) = payment.asked.filter(|asked| asked.who == who && who <= 3) else {
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
        match (password, payment.prompt, asked.capture) {
            (Password::Stale, ..) | (_, None, _) => {
                payment.prompt = Some(next);
                return Err(Reason::PromptStale);
            }
            (Password::Right, Some(_), _) if customer.standing == Standing::Frozen => {
                return self.set(serial, PaymentState::Declined, Reason::CustomerFrozen);
            }
            (Password::Right, Some(_), Capture::AtApproval) => {
                customer.wrong_in_row = 0;
                let till = payment.till;
                return self.capture(serial, (yen_for(till, asked.price), asked.price));
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
}
