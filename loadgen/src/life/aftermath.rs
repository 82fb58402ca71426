//! What is done about a payment once it is approved: machines report what came out, tills give money
//! back.

use std::time::Duration;

use kessai_client::wire::{DeliveredLines, Delivery, Payment, Refund, Retry, ReverseCause};
use kessai_client::{CallError, Terminal};
use kessai_engine::PaymentState;
use kessai_engine::terms::{Amount, PaymentId};
use tokio::time::{sleep, sleep_until};

use super::desk::Till;
use crate::course::{Act, Size, What, When};
use crate::ledger::{Done, Heard, Moment, Order};
use crate::messages::{Message, Sending};

/// How often something is sent until there is an answer.
const SENT: u32 = 3;

/// How often a till lets itself be put off until later.
const PUT_OFF: u32 = 10;

/// Does all that is to be done about a payment, if it was approved.
pub(super) async fn follow(till: &Till, acts: &[Act]) {
    if acts.is_empty() {
        return;
    }
    let Some((order, deadline)) = approved(till) else { return };
    for act in acts {
        match (act.when, deadline) {
            (When::After(time), _) => sleep(time).await,
            (When::AfterDeadline(time), Some(deadline)) => {
                sleep_until(till.world.started + deadline.saturating_add(time)).await;
            }
            (When::AfterDeadline(_), None) => return,
        }
        let Some(deed) = Planned::of(till, &order, &act.what) else { return };
        till.world.ledger.attempted(till.payment, till.world.now(), deed.terminal.id(), deed.done);
        let mut sending = Sending::First;
        for _ in 0..act.times {
            deed.send(till, &mut sending).await;
        }
    }
}

/// The order of a payment that its till knows to be approved, and until when a machine may report.
fn approved(till: &Till) -> Option<(Order, Option<Moment>)> {
    let record = till.world.ledger.record(&till.payment)?;
    let told = record.terminal.first()?;
    let is_approved = matches!(told.state, PaymentState::Authorised | PaymentState::Captured);
    let deadline = told.deadline();
    is_approved.then_some((record.order, deadline))
}

/// What is sent, and by which terminal.
struct Planned {
    terminal: Terminal,
    done: Done,
    sends: Sends,
}

enum Sends {
    Delivery(Delivery),
    Nothing,
    Refund(PaymentId, Amount),
}

impl Planned {
    fn of(till: &Till, order: &Order, what: &What) -> Option<Self> {
        let terminal = till.terminal.clone();
        Some(match what {
            What::DispenseAll => Self {
                terminal,
                done: Done::Dispensed(order.total),
                sends: Sends::Delivery(Delivery::All),
            },
            What::Dispense(pieces) => {
                let lines = (0_u32..).zip(pieces.iter().copied());
                let lines = DeliveredLines::new(lines).ok()?;
                let done = Done::Dispensed(order.part(pieces)?);
                Self { terminal, done, sends: Sends::Delivery(Delivery::Lines(lines)) }
            }
            What::Jam => Self { terminal, done: Done::Jammed, sends: Sends::Nothing },
            What::Refund(size, other) => {
                let terminal = other
                    .and_then(|number| till.world.another_terminal(&order.merchant, number))
                    .unwrap_or(terminal);
                Self::refund(till, terminal, *size)?
            }
        })
    }

    fn refund(till: &Till, terminal: Terminal, size: Size) -> Option<Self> {
        let (captured, left) = till.world.ledger.refundable(&till.payment)?;
        let (refund, amount) = (terminal.payment_id(), size.of(captured, left));
        // A percent of very little may leave nothing.
        let sends = Sends::Refund(refund, amount);
        (!amount.is_zero()).then_some(Self {
            terminal,
            done: Done::Refunded(refund, amount),
            sends,
        })
    }

    /// Sends it until there is an answer, and writes that down.
    async fn send(&self, till: &Till, sending: &mut Sending) {
        for _ in 0..SENT {
            match heard(till, self.ask(till, sending).await) {
                Ok(heard) => {
                    let world = &till.world;
                    world.note(world.ledger.heard(till.payment, heard, world.now()));
                    return;
                }
                Err(error) => till.doubt(&error),
            }
        }
    }

    /// Asks, and asks again for as long as it is told to do so later.
    async fn ask(&self, till: &Till, sending: &mut Sending) -> Result<Payment, CallError> {
        for _ in 0..PUT_OFF {
            match self.ask_once(till, sending).await {
                Err(CallError::Refused(refusal)) => match refusal.retry {
                    Retry::Later { after_ms } => {
                        sleep(Duration::from_millis(after_ms.into())).await;
                    }
                    Retry::Never | Retry::Same => return Err(CallError::Refused(refusal)),
                },
                answer => return answer,
            }
        }
        self.ask_once(till, sending).await
    }

    async fn ask_once(&self, till: &Till, sending: &mut Sending) -> Result<Payment, CallError> {
        let (messages, payment) = (&till.world.messages, till.payment);
        let sending = std::mem::replace(sending, Sending::Again);
        match &self.sends {
            Sends::Delivery(delivery) => {
                let reporting = self.terminal.deliver(payment, delivery.clone());
                messages.send(Message::Delivered, sending, reporting).await
            }
            Sends::Nothing => {
                let reversing = self.terminal.reverse(payment, ReverseCause::NotDispensed);
                messages.send(Message::Reverse, sending, reversing).await
            }
            Sends::Refund(refund, amount) => {
                let refund = Refund { refund: *refund, payment, amount: *amount };
                messages.send(Message::Refund, sending, self.terminal.refund(refund)).await
            }
        }
    }
}

fn heard(till: &Till, answer: Result<Payment, CallError>) -> Result<Heard, CallError> {
    match answer {
        Ok(answer) => {
            let reference = answer.refund.map(|done| done.reference);
            Ok(Heard::Told(till.write(&answer), reference))
        }
        Err(CallError::Refused(refusal)) => Ok(Heard::Refused(refusal.reason)),
        Err(error) => Err(error),
    }
}
