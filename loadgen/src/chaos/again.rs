//! Asks once more for payments that have been answered: the answer must be the same, or one that
//! the payment has come to since.

use std::collections::HashMap;
use std::time::Duration;

use kessai_client::wire::{Payment, Purchase};
use kessai_client::{CallError, Terminal};
use kessai_engine::terms::{PaymentId, TerminalId};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::judge::{Findings, Subject, repeated_otherwise};
use crate::course::{Hearing, Naming};
use crate::ledger::{Ledger, Moment, Record, Told};
use crate::told;

/// How long an answer may take. Without one there is nothing to compare: the next restart has it.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many payments are asked for again after a restart.
const PICKED: usize = 8;

/// One that was answered.
struct Answered {
    payment: PaymentId,
    terminal: TerminalId,
    purchase: Purchase,
    told: Told,
}

/// Draws some of the payments that were answered.
fn pick(ledger: &Ledger, rng: &mut ChaCha8Rng) -> Vec<Answered> {
    let mut picked: Vec<Answered> = Vec::with_capacity(PICKED);
    let mut seen = 0_usize;
    ledger.each(|payment, record| {
        let Some(answered) = answered(*payment, record) else { return };
        // Each has the same chance, however many there are.
        seen = seen.saturating_add(1);
        if picked.len() < PICKED {
            picked.push(answered);
        } else if let Some(place) = picked.get_mut(rng.random_range(0..seen)) {
            *place = answered;
        }
    });
    picked
}

/// What was asked for, if it can be asked for again in the same words: without the code.
fn answered(payment: PaymentId, record: &Record) -> Option<Answered> {
    let order = &record.order;
    let told = record.terminal.first()?.clone();
    let is_plain = order.course.naming == Naming::Id && order.course.hearing == Hearing::Hears;
    let purchase = is_plain.then(|| order.purchase(payment))?;
    Some(Answered { payment, terminal: order.terminal, purchase, told })
}

/// Asks for some payments again, and says how many were answered and what was wrong with that.
pub(super) async fn ask(
    tills: &HashMap<TerminalId, Terminal>,
    ledger: &Ledger,
    rng: &mut ChaCha8Rng,
) -> (u64, Findings) {
    let mut asking = JoinSet::new();
    for Answered { payment, terminal, purchase, told } in pick(ledger, rng) {
        if let Some(till) = tills.get(&terminal).cloned() {
            let answer = async move { timeout(PATIENCE, till.pay(purchase)).await };
            asking.spawn(async move { (payment, told, answer.await) });
        }
    }
    let (mut count, mut findings) = (0_u64, Findings::default());
    for (payment, told, answer) in asking.join_all().await {
        let Ok(answer) = answer else { continue };
        match judge(&told, &answer) {
            Verdict::Same => count = count.saturating_add(1),
            Verdict::Unheard => {}
            Verdict::Otherwise(fault) => {
                findings.lose(Subject::Payment(payment), format!("asked for again, {fault}"));
            }
        }
    }
    (count, findings)
}

/// What a repeated answer is worth.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Same,
    /// The network or the gateway did not let it through.
    Unheard,
    Otherwise(String),
}

fn judge(told: &Told, answer: &Result<Payment, CallError>) -> Verdict {
    match answer {
        Ok(answer) => {
            let again = told::by_payment(answer, Moment::ZERO);
            repeated_otherwise(told, &again).map_or(Verdict::Same, Verdict::Otherwise)
        }
        Err(CallError::Refused(refusal)) if !super::log::may_refuse(refusal.reason) => {
            Verdict::Otherwise(format!("it was refused ({})", refusal.reason.name()))
        }
        Err(_) => Verdict::Unheard,
    }
}
