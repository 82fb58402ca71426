//! What happens once the record that it depends on is durable.

use kessai_engine::terms::{CustomerId, PaymentId};
use kessai_engine::{Lsn, PaymentView};
use kessai_wire::{Answer, Handset, Payment, Prompt, Push, SignedNotice};

use super::Dispatch;
use crate::entropy::draw;
use crate::notify::{EventId, Kind, Notification};
use crate::outgoing::Outgoing;
use crate::reply::Reply;
use crate::told;

/// What happens once the record that it depends on is durable.
#[derive(Debug)]
pub(super) enum Effect {
    /// A request is answered.
    Answer(Reply, Answer),
    /// A terminal is told how a payment stands, with a receipt of this record.
    Stands(Reply, Payment, Lsn),
    /// A payment's customer is asked, over every handset that is there.
    Ask(PaymentId, CustomerId),
    /// One handset is asked.
    AskDevice(PaymentId, Handset),
    /// A payment has come to stand elsewhere: everybody it concerns is told, but for the handset
    /// whose answer tells it.
    Changed(Box<PaymentView>, Option<Handset>),
    /// One handset is told what it has missed.
    Tell(Box<PaymentView>, Handset),
    /// What was made for a handset goes its way.
    Push(Outgoing, Box<Push>),
}

impl Dispatch {
    /// Performs effects as they become due, for ever.
    pub(crate) async fn deliver(&self) {
        loop {
            for effect in self.deliveries.due().await {
                self.perform(effect);
            }
        }
    }

    /// Performs `effect` once `after` is durable: now, if it is already.
    pub(super) fn after(&self, after: Lsn, effect: Effect) {
        if let Some(due) = self.deliveries.hold(after, effect) {
            self.perform(due);
        }
    }

    /// Tells everybody but `told` where a payment has come to stand.
    pub(super) fn changed(&self, view: PaymentView, told: Option<Handset>) {
        self.after(view.after, Effect::Changed(Box::new(view), told));
    }

    fn perform(&self, effect: Effect) {
        match effect {
            Effect::Answer(reply, answer) => reply.answer(answer),
            Effect::Stands(reply, payment, lsn) => {
                let receipt = self.receipts.issue(lsn);
                reply.answer(Answer::Payment(Payment { receipt, ..payment }));
            }
            Effect::Ask(payment, customer) => {
                self.handsets(customer).for_each(|handset| self.ask_device(payment, handset));
                if self.handsets(customer).all(|handset| self.way(&handset).is_none()) {
                    self.call(customer);
                }
            }
            Effect::AskDevice(payment, handset) => self.ask_device(payment, handset),
            Effect::Changed(view, told) => {
                self.answer_waiters(&view);
                let Some(customer) = view.customer else { return };
                for handset in self.handsets(customer).filter(|handset| Some(*handset) != told) {
                    self.tell_device(&view, handset);
                }
            }
            Effect::Tell(view, handset) => self.tell_device(&view, handset),
            Effect::Push(stream, push) => stream.push(*push),
        }
    }

    /// Asks a customer whose handset is not there to open the app.
    fn call(&self, customer: CustomerId) {
        let now_ms = self.clock.now_ms();
        self.notifier.notify(Notification {
            event: EventId::from_parts(now_ms, draw(self.entropy.as_ref())),
            kind: Kind::OpenApp,
            customer,
            expires_at_ms: now_ms.saturating_add(self.prompt_ms),
        });
    }

    fn handsets(&self, customer: CustomerId) -> impl Iterator<Item = Handset> + use<> {
        let devices = self.engine.devices(&customer).into_iter();
        devices.map(move |device| Handset { customer, device: device.id })
    }

    /// S25-S26: asks over the handset's present way, with a nonce made for it.
    fn ask_device(&self, payment: PaymentId, handset: Handset) {
        let Some(way) = self.way(&handset) else { return };
        let (nonce, now_ms) = (self.nonce(), self.clock.now_ms());
        let prompt = self.engine.prompt(payment, handset.device, way.channel, nonce, now_ms);
        let Some(prompt) = prompt else { return };
        let push = Push::Prompt(
            handset,
            Prompt {
                content: prompt.confirmation,
                server_nonce: nonce,
                tries_left: u32::from(prompt.tries_left),
                gateway_time_ms: now_ms,
            },
        );
        // The tries left may count a wrong proof that is younger than what was waited for.
        self.after(prompt.after, Effect::Push(way.pushes, Box::new(push)));
    }

    fn tell_device(&self, view: &PaymentView, handset: Handset) {
        let Some(way) = self.way(&handset) else { return };
        if let Some((notice, after)) = self.signed(handset, view) {
            self.after(after, Effect::Push(way.pushes, Box::new(Push::Notice(handset, notice))));
        }
    }

    /// Writes and signs the notice of a payment for one handset, and says what it depends on.
    pub(super) fn signed(
        &self,
        handset: Handset,
        view: &PaymentView,
    ) -> Option<(SignedNotice, Lsn)> {
        let register = self.engine.register();
        let notice = told::customer(view, &register)?.encode();
        let content_digest = view.terms?.content;
        let device = self.engine.device(&handset.customer, &handset.device)?;
        let signature = device.sign_notice(&content_digest, &notice);
        Some((SignedNotice { content_digest, notice, signature }, view.after.max(register.after)))
    }

    /// Answers the terminals that wait for what `view` tells.
    pub(super) fn answer_waiters(&self, view: &PaymentView) {
        let answer = self.told_terminal(view);
        for reply in self.waiting.end(view) {
            self.stands(reply, answer, view.after);
        }
    }

    /// Tells a terminal how a payment stands, once the record that says so is durable.
    pub(super) fn stands(&self, reply: Reply, payment: Payment, after: Lsn) {
        self.after(after, Effect::Stands(reply, payment, after));
    }

    /// What a payment's own terminal is told of it.
    pub(super) fn told_terminal(&self, view: &PaymentView) -> Payment {
        told::terminal(view, self.engine.rules().disclosure)
    }
}
