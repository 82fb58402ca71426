//! One payment: what was asked, done and told, beside what the books hold.

use std::time::Duration;

use kessai_engine::PaymentState;
use kessai_engine::terms::{Amount, Reason};

use super::{Evidence, PaymentEntry, acts, steps};
use crate::exchange::HOME;
use crate::ledger::{Done, Moment, Order, Record, Standing};
use crate::people::Deed;

/// How far the gateway's clock, read in whole milliseconds, and ours may lie apart in a payment.
const CLOCKS: Duration = Duration::from_millis(2);

/// Says what does not agree about one payment; `view` is what the books hold of it.
pub(super) fn faults(
    record: &Record,
    view: Option<&PaymentEntry>,
    evidence: &Evidence,
) -> Vec<String> {
    let mut faults = Vec::new();
    for customer in &record.misled {
        faults.push(format!("customer {customer} was told of it, whom it does not concern"));
    }
    acts::faults(record, &mut faults);
    match (view, record.refused) {
        (None, Some(_)) if record.terminal.is_empty() && record.customer.is_empty() => {}
        (None, Some((_, reason))) => {
            faults.push(format!("it was refused ({reason}), and yet somebody was told an end"));
        }
        (None, None) if record.terminal.is_empty() && record.customer.is_empty() => {
            faults.push("its till never got an answer, and the books do not know it".to_owned());
        }
        (None, None) => {
            faults.push("somebody was told an end of it, and the books do not know it".to_owned());
        }
        // Refused, and called off as well: a record of that alone, which is about nothing.
        (Some(view), Some(_)) if is_called_off(record, view) => {}
        (Some(view), Some((_, reason))) => faults.push(format!(
            "its till was told that it was refused ({reason}), but the books hold it as {}",
            word(view.state)
        )),
        (Some(view), None) => {
            let standings = record.standings();
            agreement(record, &standings, view, &mut faults);
            let steps = steps::of(record, &standings, view);
            steps::tellings(record, view, (&steps, evidence.telling_of(record)), &mut faults);
            deeds(record, view, evidence.prompt, &mut faults);
        }
    }
    faults
}

/// Whether a till called a payment off that the gateway had not begun.
fn is_called_off(record: &Record, view: &PaymentEntry) -> bool {
    view.state == PaymentState::Cancelled && view.price.is_none() && record.given_up.is_some()
}

/// The books must hold what was asked for and what was done about it, and it must have ended.
fn agreement(
    record: &Record,
    standings: &[Standing],
    view: &PaymentEntry,
    faults: &mut Vec<String>,
) {
    let order = &record.order;
    if matches!(view.state, PaymentState::Pending | PaymentState::Authorised) {
        faults.push(format!("it has not ended: the books hold it as {}", word(view.state)));
    }
    if view.terminal != order.terminal {
        faults.push(format!("{} asked, the books say {}", order.terminal, view.terminal));
    }
    let Some((price, merchant)) = view.price.zip(view.merchant) else {
        if view.state != PaymentState::Cancelled || record.given_up.is_none() {
            faults.push("the books hold an end of it, but not what it is about".to_owned());
        }
        return;
    };
    let asked = order.charge.of(HOME);
    if price != asked {
        faults.push(format!("{asked} were asked for, the books say {price}"));
    }
    if merchant != order.merchant {
        faults.push(format!("it is {}'s, the books say {merchant}", order.merchant));
    }
    if view.customer != Some(order.customer) {
        faults.push(format!("customer {} was named, the books say another", order.customer));
    }
    if let Some(last) = standings.last() {
        sums(order, last, view, faults);
        if standings.len() > 1 && last.state != view.state {
            let (own, books) = (word(last.state), word(view.state));
            faults.push(format!("by what was done about it it {own}, the books say it {books}"));
        }
    }
}

/// What the books debited and gave back must be what was due, on both sides.
fn sums(order: &Order, last: &Standing, view: &PaymentEntry, faults: &mut Vec<String>) {
    let word = word(view.state);
    let Some(due) = steps::for_customer(order, last) else {
        return faults.push("what was due for it leaves the range of an amount".to_owned());
    };
    if view.captured != due.captured {
        let (books, due) = (view.captured.minor(), due.captured.minor());
        faults.push(format!("the books debit {books} yen for one that {word}, due were {due}"));
    }
    if view.refunded != due.refunded {
        let (books, due) = (view.refunded.minor(), due.refunded.minor());
        faults.push(format!("the books gave {books} yen back, due were {due}"));
    }
    let Some(store) = view.in_store else { return };
    if store.price != order.price() {
        let (asked, books) = (order.price(), store.price);
        faults.push(format!("{asked} were asked for at the store, the books say {books}"));
    }
    if (store.captured, store.refunded) != (last.captured, last.refunded) {
        let of = |amount: Amount| amount.of(order.currency);
        faults.push(format!(
            "the books owe its store {} less {} for it, due were {} less {}",
            of(store.captured),
            of(store.refunded),
            of(last.captured),
            of(last.refunded)
        ));
    }
}

/// Nothing may have happened that nobody did.
fn deeds(record: &Record, view: &PaymentEntry, prompt: Duration, faults: &mut Vec<String>) {
    let did = |deed| record.acts.iter().any(|(_, act)| *act == deed);
    match (view.state, view.reason) {
        (state, _) if state.is_approved() && !did(Deed::Approve) => {
            faults.push("it was approved, and its customer never typed the password".to_owned());
        }
        (_, Some(Reason::CancelledByCustomer)) if !did(Deed::Cancel) => {
            faults.push("its customer is said to have cancelled, and did not".to_owned());
        }
        (_, Some(Reason::CancelledByTerminal)) if record.given_up.is_none() => {
            faults.push("its till is said to have cancelled, and did not".to_owned());
        }
        (_, Some(Reason::ReversedOnRequest)) if record.given_up.is_none() => {
            faults.push("its till is said to have taken it back, and did not".to_owned());
        }
        (_, Some(Reason::NotDispensed)) => faults.extend(silence_fault(record)),
        (_, Some(Reason::Muted)) if record.order.is_by_code() || record.prompted.is_some() => {
            faults.push("its customer was to be left in peace, and was asked".to_owned());
        }
        (PaymentState::Expired, _) => {
            // It cannot have been opened before it was meant to begin.
            let told = record.terminal.iter().chain(&record.customer).map(|told| told.at).min();
            let least = record.order.intended.saturating_add(prompt).saturating_sub(CLOCKS);
            if told.is_some_and(|told| told < least) {
                faults.push("it expired before the customer's time was over".to_owned());
            }
        }
        _ => {}
    }
}

/// A machine that has not said that nothing came out has until its deadline.
fn silence_fault(record: &Record) -> Option<String> {
    if record.attempts.iter().any(|attempt| attempt.deed == Done::Jammed) {
        return None;
    }
    let (_, last) = record.first_and_last_told()?;
    (last.at < least_deadline(record)?)
        .then(|| "it was taken back before its machine's time was over".to_owned())
}

/// Until when the machine's time to report lasts at least: it cannot have been approved before its
/// customer approved.
pub(super) fn least_deadline(record: &Record) -> Option<Moment> {
    let approved =
        record.acts.iter().find(|(_, deed)| *deed == Deed::Approve).map(|(at, _)| *at)?;
    let least = approved.saturating_add(record.terminal.first()?.time_to_report?);
    Some(least.saturating_sub(CLOCKS))
}

pub(super) fn name(reason: Option<Reason>) -> &'static str {
    reason.map_or("no reason", Reason::name)
}

/// Says what became of a payment.
pub(super) fn word(state: PaymentState) -> &'static str {
    match state {
        PaymentState::Pending => "is pending",
        PaymentState::Authorised => "is authorised",
        PaymentState::Captured => "was approved",
        PaymentState::Reversed => "was reversed",
        PaymentState::Refunded => "was refunded",
        PaymentState::Declined => "was declined",
        PaymentState::Cancelled => "was cancelled",
        PaymentState::Expired => "expired",
    }
}
