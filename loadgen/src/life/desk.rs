//! The till's side of one payment: asks, waits, now and then gives up, and finds out what came of
//! it if no answer came.

use std::sync::Arc;

use kessai_client::wire::{Capture, Payer, Payment, Purchase};
use kessai_client::{CallError, Terminal};
use kessai_engine::terms::{Currency, PaymentId};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::World;
use crate::ledger::Order;
use crate::told;

/// How often a till gives up a payment that it got no answer about, until it gets one.
const GIVEN_UP: u32 = 3;

/// Serves one customer.
pub(super) async fn serve(world: Arc<World>, terminal: Terminal, order: Order) {
    let payment = terminal.payment_id();
    let purchase = Purchase {
        payment,
        payer: Payer::Customer(order.customer),
        lines: order.lines.clone(),
        claimed_total: order.total,
        currency: Currency::JPY,
        capture: Capture::AtApproval,
    };
    let patience = order.person.clerk_gives_up_after;
    world.ledger.asked(payment, order);
    let till = Till { world, terminal, payment };
    let over = Notify::new();
    let paying = async {
        let answer = till.terminal.pay(purchase).await;
        over.notify_one();
        till.hear_end(answer)
    };
    let clerk = async {
        if let Some(patience) = patience
            && timeout(patience, over.notified()).await.is_err()
        {
            // What it hears is written down; the end is waited for all the same.
            let _heard = till.give_up().await;
        }
    };
    let (heard, ()) = tokio::join!(paying, clerk);
    if heard == Heard::Nothing {
        till.find_out().await;
    }
}

/// Whether an answer said what became of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// How it ended, or that it did not begin.
    Something,
    /// It is unknown whether the gateway acted.
    Nothing,
}

/// A till with one payment on its way.
struct Till {
    world: Arc<World>,
    terminal: Terminal,
    payment: PaymentId,
}

impl Till {
    fn told(&self, answer: &Payment) {
        let (world, payment) = (&self.world, self.payment);
        let told = told::by_payment(answer, world.now());
        world.note(world.ledger.told_terminal(payment, self.terminal.id(), told));
    }

    fn hear_end(&self, answer: Result<Payment, CallError>) -> Heard {
        match answer {
            Ok(answer) => self.told(&answer),
            Err(CallError::Refused(refusal)) => {
                let world = &self.world;
                world.note(world.ledger.refused(self.payment, refusal.reason, world.now()));
            }
            Err(error) => {
                self.doubt(&error);
                return Heard::Nothing;
            }
        }
        Heard::Something
    }

    /// Gives the payment up; the answer tells whether that came in time.
    async fn give_up(&self) -> Heard {
        self.world.ledger.given_up(self.payment, self.world.now());
        match self.terminal.cancel(self.payment).await {
            Ok(answer) => {
                self.told(&answer);
                return Heard::Something;
            }
            // The payment goes on, and its end comes to whoever waits for it.
            Err(error @ CallError::Refused(_)) => self.trouble(&error),
            Err(error) => self.doubt(&error),
        }
        Heard::Nothing
    }

    /// Tells troubles of the network, which pass, from answers that must not be.
    fn doubt(&self, error: &CallError) {
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

    fn trouble(&self, error: &CallError) {
        self.world.board.trouble(&format!("{}: {error}", self.terminal.id()));
    }

    /// Gives up a payment that no answer came about: the answer to that tells how it ended.
    async fn find_out(&self) {
        for _ in 0..GIVEN_UP {
            if self.give_up().await == Heard::Something {
                return;
            }
        }
    }
}
