//! The till's side of one payment: learns who pays, asks, waits, now and then gives up or loses its
//! line, and finds out what came of it if no answer came.

use std::sync::Arc;
use std::time::Duration;

use kessai_client::wire::{Payment, Purchase, ReverseCause};
use kessai_client::{CallError, Terminal};
use kessai_engine::terms::{PaymentId, Reason};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::World;
use super::aftermath::follow;
use super::codes;
use crate::course::{Hearing, Naming};
use crate::ledger::{Order, Told};
use crate::messages::{Message, Sending};
use crate::told;

/// How often a till gives up a payment that it got no answer about, until it gets one.
const GIVEN_UP: u32 = 3;

/// Serves one customer.
pub(super) async fn serve(world: Arc<World>, terminal: Terminal, order: Order) {
    let payment = terminal.payment_id();
    let course = order.course.clone();
    let patience = order.person.clerk_gives_up_after;
    let mut purchase = order.purchase(payment);
    let seat = order.seat;
    world.ledger.asked(payment, order);
    let till = Till { world, terminal, payment };
    let Some(payer) = codes::payer(&till, seat, course.naming, &purchase).await else {
        return till.leave();
    };
    purchase.payer = payer;
    let repeated = (course.naming == Naming::UsedCode).then(|| purchase.clone());
    match course.hearing {
        Hearing::Hears => till.ask(purchase, patience).await,
        Hearing::LosesAnswer => {
            drop(till.pay(purchase).await);
            till.take_back().await;
        }
        Hearing::LosesLine(after) => {
            drop(timeout(after, till.pay(purchase)).await);
            till.take_back().await;
        }
        Hearing::ReversesFirst => till.reverse_first(purchase).await,
    }
    if let Some(repeated) = repeated {
        codes::try_again(&till, repeated).await;
    }
    follow(&till, &course.acts).await;
    till.leave();
}

/// Whether an answer said what became of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    /// How it ended, or that it did not begin.
    Something,
    /// It is unknown whether the gateway acted.
    Nothing,
}

/// A till with one payment on its way.
pub(super) struct Till {
    pub(super) world: Arc<World>,
    pub(super) terminal: Terminal,
    pub(super) payment: PaymentId,
}

impl Till {
    /// Sends the message that a payment begins with.
    pub(super) async fn pay(&self, purchase: Purchase) -> Result<Payment, CallError> {
        let paying = self.terminal.pay(purchase);
        self.world.messages.send(Message::Open, Sending::First, paying).await
    }

    /// Asks, and waits for the end; the clerk may give up meanwhile.
    async fn ask(&self, purchase: Purchase, patience: Option<Duration>) {
        let over = Notify::new();
        let paying = async {
            let answer = self.pay(purchase).await;
            over.notify_one();
            self.hear_end(answer)
        };
        let clerk = async {
            if let Some(patience) = patience
                && timeout(patience, over.notified()).await.is_err()
            {
                // What it hears is written down; the end is waited for all the same.
                let _heard = self.give_up(Sending::First).await;
            }
        };
        let (heard, ()) = tokio::join!(paying, clerk);
        if heard == Answered::Nothing {
            self.find_out().await;
        }
    }

    /// Takes a payment back whose answer it does not know, until that is acknowledged.
    async fn take_back(&self) {
        self.world.ledger.given_up(self.payment, self.world.now());
        let cause = ReverseCause::OnRequest;
        let messages = &self.world.messages;
        let reversing = self.terminal.reverse_until_acknowledged(self.payment, cause);
        match messages.send(Message::Reverse, Sending::First, reversing).await {
            Ok(answer) => self.told(&answer),
            // It stands, as after the end of the business day: then the till asks how.
            Err(CallError::Refused(_)) => {
                let asking = self.terminal.status(self.payment);
                match messages.send(Message::Status, Sending::First, asking).await {
                    Ok(answer) => self.told(&answer),
                    Err(error) => self.doubt(&error),
                }
            }
            Err(error) => self.doubt(&error),
        }
    }

    /// Takes a payment back and then asks for it, as messages do that overtake each other.
    async fn reverse_first(&self, purchase: Purchase) {
        let asked = async {
            let answer = self.pay(purchase).await;
            self.hear_end(answer)
        };
        // The first to be polled is the first to be sent.
        let ((), heard) = tokio::join!(self.take_back(), asked);
        if heard == Answered::Nothing {
            self.find_out().await;
        }
    }

    fn told(&self, answer: &Payment) {
        let told = self.write(answer);
        let (world, payment) = (&self.world, self.payment);
        world.note(world.ledger.told_terminal(payment, self.terminal.id(), told));
    }

    /// Puts an answer into the ledger's words.
    pub(super) fn write(&self, answer: &Payment) -> Told {
        let told = told::by_payment(answer, self.world.now());
        if let Some(deadline) = told.deadline() {
            self.world.floor.waits_until(deadline);
        }
        told
    }

    fn hear_end(&self, answer: Result<Payment, CallError>) -> Answered {
        match answer {
            Ok(answer) => self.told(&answer),
            Err(CallError::Refused(refusal)) => self.refused(refusal.reason),
            Err(error) => {
                self.doubt(&error);
                return Answered::Nothing;
            }
        }
        Answered::Something
    }

    /// Writes down that the payment did not begin.
    pub(super) fn refused(&self, reason: Reason) {
        let world = &self.world;
        world.note(world.ledger.refused(self.payment, reason, world.now()));
    }

    /// Gives the payment up; the answer tells whether that came in time.
    async fn give_up(&self, sending: Sending) -> Answered {
        self.world.ledger.given_up(self.payment, self.world.now());
        let giving_up = self.terminal.cancel(self.payment);
        match self.world.messages.send(Message::Cancel, sending, giving_up).await {
            Ok(answer) => {
                self.told(&answer);
                return Answered::Something;
            }
            // The payment goes on, and its end comes to whoever waits for it.
            Err(error @ CallError::Refused(_)) => self.trouble(&error),
            Err(error) => self.doubt(&error),
        }
        Answered::Nothing
    }

    /// Tells troubles of the network, which pass, from answers that must not be.
    pub(super) fn doubt(&self, error: &CallError) {
        match error {
            CallError::Deadline | CallError::Lost | CallError::Ended(_) => self.trouble(error),
            CallError::Refused(_)
            | CallError::Unexpected(_)
            | CallError::AnotherAnswer
            | CallError::Untrusted(_)
            | CallError::TooLong(_)
            | CallError::NotOpen
            | CallError::BeingAnswered
            | CallError::AlwaysStale => {
                let payment = self.payment;
                self.world
                    .ledger
                    .stray(format!("payment {payment}: the answer to its till: {error}"));
            }
        }
    }

    pub(super) fn trouble(&self, error: &CallError) {
        self.world.board.trouble(&format!("{}: {error}", self.terminal.id()));
    }

    /// Gives up a payment that no answer came about: the answer to that tells how it ended.
    pub(super) async fn find_out(&self) {
        let mut sending = Sending::First;
        for _ in 0..GIVEN_UP {
            if self.give_up(sending).await == Answered::Something {
                return;
            }
            sending = Sending::Again;
        }
    }

    /// Has done all about the payment.
    fn leave(&self) {
        self.world.note(self.world.ledger.over(self.payment));
    }
}
