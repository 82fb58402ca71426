//! One payment: what was asked, done and told, beside what the books hold.

use std::time::Duration;

use kessai_engine::PaymentState;
use kessai_engine::terms::{Currency, Reason};

use super::PaymentEntry;
use crate::ledger::{Receipt, Record, Told};
use crate::people::Deed;

/// How far the gateway's clock, read in whole milliseconds, and ours may lie apart in a payment.
const CLOCKS: Duration = Duration::from_millis(2);

/// Says what does not agree about one payment; `view` is what the books hold of it, `prompt` how
/// long customers have to answer.
pub(super) fn faults(
    record: &Record,
    view: Option<&PaymentEntry>,
    prompt: Duration,
) -> Vec<String> {
    let mut faults = Vec::new();
    for customer in &record.misled {
        faults.push(format!("customer {customer} was told of it, whom it does not concern"));
    }
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
        (Some(view), Some((_, reason))) => faults.push(format!(
            "its till was told that it was refused ({reason}), but the books hold it as {}",
            word(view.state)
        )),
        (Some(view), None) => {
            agreement(record, view, &mut faults);
            tellings(record, view, &mut faults);
            deeds(record, view, prompt, &mut faults);
        }
    }
    faults
}

/// The books must hold what was asked for, and it must have ended.
fn agreement(record: &Record, view: &PaymentEntry, faults: &mut Vec<String>) {
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
    let asked = order.total.of(Currency::JPY);
    if price != asked {
        faults.push(format!("{asked} were asked for, the books say {price}"));
    }
    if merchant != order.merchant {
        faults.push(format!("it is {}'s, the books say {merchant}", order.merchant));
    }
    if view.customer != Some(order.customer) {
        faults.push(format!("customer {} was named, the books say another", order.customer));
    }
    let due = if view.state == PaymentState::Captured { price.amount } else { view.refunded };
    if view.captured != due {
        let captured = view.captured.minor();
        faults.push(format!("the books debit {captured} yen for one that {}", word(view.state)));
    }
}

/// Both sides must have been told what the books hold, and no more than they may know.
fn tellings(record: &Record, view: &PaymentEntry, faults: &mut Vec<String>) {
    if record.terminal.is_empty() {
        faults.push(format!("it {}, but its till never got an answer", word(view.state)));
    }
    if record.customer.is_empty() && view.customer.is_some() {
        faults.push(format!("it {}, but its customer was never told", word(view.state)));
    }
    for told in &record.terminal {
        compare("its till", told, view, reason_for_terminal(view), faults);
        if told.reason != reason_for_terminal(view) && told.reason == view.reason {
            faults.push("its till was told more of a decline than a shop may know".to_owned());
        }
        if told.notice.is_some() {
            faults.push("its till was told the number of a customer's notice".to_owned());
        }
    }
    for told in &record.customer {
        compare("its customer", told, view, view.reason, faults);
        if told.notice != Some(view.notice) {
            let told = told.notice.unwrap_or(0);
            let books = view.notice;
            faults.push(format!("its customer saw notice {told}, the books say {books}"));
        }
    }
}

/// What a shop may know: of a decline only that it is one.
///
/// # Source
/// Rule 5 of the collation's rules, worked out here and not asked of the engine.
fn reason_for_terminal(view: &PaymentEntry) -> Option<Reason> {
    if view.state == PaymentState::Declined { Some(Reason::NotHonoured) } else { view.reason }
}

fn compare(
    who: &str,
    told: &Told,
    view: &PaymentEntry,
    reason: Option<Reason>,
    faults: &mut Vec<String>,
) {
    if told.state != view.state {
        let (told, books) = (word(told.state), word(view.state));
        faults.push(format!("{who} was told that it {told}, the books say that it {books}"));
    } else if told.reason != reason {
        let (told, books) = (name(told.reason), name(reason));
        faults.push(format!("{who} was told {told} where the books give {books}"));
    }
    let amount = view.price.map(|price| price.amount);
    if told.amount != amount || told.captured != view.captured {
        let (told, books) = (told.captured.minor(), view.captured.minor());
        faults.push(format!(
            "{who} was told other amounts than the books hold ({told} yen debited, not {books})"
        ));
    }
    let receipt = view.approval.zip(view.reference);
    if told.receipt != receipt.map(|(approval, reference)| Receipt { approval, reference }) {
        faults.push(format!("{who} was told other receipt numbers than the books hold"));
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

fn name(reason: Option<Reason>) -> &'static str {
    reason.map_or("no reason", Reason::name)
}

/// Says what became of a payment.
fn word(state: PaymentState) -> &'static str {
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
