//! The till's side of one payment: asks, waits, now and then gives up, and finds out what came of
//! it if no answer came.

use std::sync::Arc;

use kessai_client::wire::{Capture, Payer, Payment, Purchase};
use kessai_client::{CallError, Terminal};
use kessai_engine::terms::{Currency, PaymentId};
use tokio::time::timeout;

use super::World;
use crate::ledger::{Order, Progress};
use crate::told;

/// How often a till asks for the status of a payment that it got no answer about.
const STATUS_ASKED: u32 = 3;

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
    let gives_up_after = order.person.clerk_gives_up_after;
    world.ledger.asked(payment, order);
    let paying = terminal.pay(purchase);
    tokio::pin!(paying);
    let mut clerk = None;
    let mut paid = None;
    match gives_up_after {
        None => {}
        Some(after) => match timeout(after, &mut paying).await {
            Ok(end) => paid = Some(end),
            Err(_still_waiting) => {
                world.ledger.given_up(payment, world.now());
                clerk = Some(terminal.cancel(payment));
            }
        },
    }
    let paid = async {
        match paid {
            Some(end) => end,
            None => paying.await,
        }
    };
    let cancelled = async {
        match clerk {
            Some(cancelling) => Some(cancelling.await),
            None => None,
        }
    };
    // Each answer is written down the moment it comes.
    let (answered, _) =
        tokio::join!(async { hear(&world, &terminal, payment, paid.await) }, async {
            cancelled.await.map(|answer| hear(&world, &terminal, payment, answer))
        },);
    if answered == Heard::Nothing {
        find_out(&world, &terminal, payment).await;
    }
}

/// Whether an answer said how a payment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// It did, or it was refused.
    Something,
    /// It is unknown whether the gateway acted.
    Nothing,
}

fn hear(
    world: &World,
    terminal: &Terminal,
    payment: PaymentId,
    answer: Result<Payment, CallError>,
) -> Heard {
    let now = world.now();
    let (progress, heard) = match answer {
        Ok(answer) => {
            let told = told::by_payment(&answer, now);
            (world.ledger.told_terminal(payment, terminal.id(), told), Heard::Something)
        }
        Err(CallError::Refused(refusal)) => {
            (world.ledger.refused(payment, refusal.reason, now), Heard::Something)
        }
        Err(error @ (CallError::Deadline | CallError::Lost | CallError::Ended(_))) => {
            world.board.trouble(&format!("{}: {error}", terminal.id()));
            (Progress::Open, Heard::Nothing)
        }
        Err(error) => {
            world.ledger.stray(format!("payment {payment}: the answer to its till: {error}"));
            (Progress::Open, Heard::Nothing)
        }
    };
    world.note(progress);
    heard
}

/// Asks how a payment ended that no answer came about.
async fn find_out(world: &World, terminal: &Terminal, payment: PaymentId) {
    for _ in 0..STATUS_ASKED {
        if let Ok(answer) = terminal.status(payment).await
            && answer.ended_at_ms.is_some()
        {
            let told = told::by_payment(&answer, world.now());
            world.note(world.ledger.told_terminal(payment, terminal.id(), told));
            return;
        }
        tokio::time::sleep(world.prompt).await;
    }
}
