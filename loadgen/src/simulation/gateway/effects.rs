//! What happens once the record that it depends on is durable.

use kessai_engine::terms::ids::PaymentId;
use kessai_engine::{Lsn, PaymentState, PaymentView};

use super::{Around, Gateway};
use crate::simulation::judge::{Prover, Violation};
use crate::simulation::message::{Address, Party, Standpoint, Tell};

/// What happens once the record that it depends on is durable.
#[derive(Debug)]
pub(super) enum Effect {
    /// A request is answered, or something is pushed.
    Tell(Address, Tell),
    /// A payment's customer is asked, over every handset that is there.
    Ask(PaymentId, usize),
    /// One handset is asked.
    AskPhone(PaymentId, usize),
    /// A payment has come to stand elsewhere: everybody it concerns is told, but for the handset
    /// whose answer tells it.
    Changed(Box<PaymentView>, Option<usize>),
}

impl Gateway {
    pub(super) fn perform(
        &mut self,
        effect: Effect,
        basis: Lsn,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        match effect {
            Effect::Tell(to, tell) => self.tell(to, tell, basis, around),
            Effect::Ask(payment, customer) => {
                let phones: Vec<_> = around.cast.phones_of(customer).collect();
                phones.into_iter().try_for_each(|phone| self.ask_phone(payment, phone, around))
            }
            Effect::AskPhone(payment, phone) => self.ask_phone(payment, phone, around),
            Effect::Changed(view, told) => {
                self.answer_waiters(&view, basis, around)?;
                let customer = view.customer.and_then(|id| around.cast.customer_no(&id));
                let phones = customer.map(|number| around.cast.phones_of(number).collect());
                let phones: Vec<usize> = phones.unwrap_or_default();
                for phone in phones.into_iter().filter(|phone| Some(*phone) != told) {
                    if let Some(to) = self.way(phone) {
                        let tell = Tell::Payment(Standpoint::from(view.as_ref()));
                        self.tell(to, tell, basis, around)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Where a handset can be reached.
    fn way(&self, phone: usize) -> Option<Address> {
        let line = *self.attached.get(&phone)?;
        Some(Address { party: Party::Phone(phone), line, request: 0 })
    }

    /// Asks over the handset's present connection, with a nonce made for it.
    fn ask_phone(
        &mut self,
        payment: PaymentId,
        phone: usize,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        let Some(to) = self.way(phone) else { return Ok(()) };
        let (nonce, now_ms) = (Self::nonce(around), self.now_ms);
        let owner = around.cast.phone(phone);
        let (device, channel) = (owner.device, owner.channel(to.line));
        let prompt = self.node.engine.prompt(payment, device, channel, nonce, now_ms);
        let Some(prompt) = prompt else { return Ok(()) };
        let judge = self.judged(around);
        judge.prompted(&payment, Prover { phone, line: to.line }, nonce);
        // The tries left may count a wrong proof that is younger than what was waited for.
        let basis = judge.basis(&payment).max(judge.basis_of_customer(owner.customer));
        let content = kessai_engine::terms::collation::content_digest(&prompt.confirmation);
        let tries_left = prompt.tries_left;
        let tell = Tell::Prompt { payment, content, nonce, tries_left };
        self.after(prompt.after, basis, Effect::Tell(to, tell), around)
    }

    /// Answers the tills that wait for what `view` tells.
    pub(super) fn answer_waiters(
        &mut self,
        view: &PaymentView,
        basis: Lsn,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        if view.state == PaymentState::Pending {
            return Ok(());
        }
        let waiting = self.waiting.remove(&view.payment).unwrap_or_default();
        waiting.into_iter().try_for_each(|to| {
            let tell = Tell::Payment(Standpoint::from(view));
            self.after(view.after, basis, Effect::Tell(to, tell), around)
        })
    }
}
