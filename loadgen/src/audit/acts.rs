//! What tills and machines did about a payment, and whether the answers were due.

use std::time::Duration;

use kessai_engine::PaymentState;
use kessai_engine::terms::{Amount, Reason, Reference};

use super::Outage;
use super::payment::name;
use crate::ledger::{Attempt, Done, Heard, Moment, Record, Slip, Told};

/// How far around a machine's deadline a report may be taken or not: what lay between the approval
/// and the telling of it, and the gateway looks for what is over now and then.
const AROUND: Duration = Duration::from_millis(500);

/// Lends the references that a payment and its refunds were given.
pub(super) fn references(record: &Record) -> impl Iterator<Item = Reference> {
    let receipt = record.terminal.first().and_then(|told| told.receipt);
    let refunds = record.attempts.iter().filter_map(|attempt| match attempt.answers.first()? {
        Heard::Told(_, reference) => *reference,
        Heard::Refused(_) => None,
    });
    receipt.map(|receipt| receipt.reference).into_iter().chain(refunds)
}

/// Says which answers were not due.
pub(super) fn faults(record: &Record, outages: &[Outage], faults: &mut Vec<String>) {
    record.slips.iter().filter_map(slip_fault).for_each(|fault| faults.push(fault));
    let deadline = record.terminal.first().and_then(Told::deadline);
    let (mut captured, mut refunded) = (record.order.total, Amount::ZERO);
    for attempt in &record.attempts {
        let (deed, heard) = match (attempt.deed, attempt.answers.first()) {
            (_, None) => {
                faults.push("something was done about it, and never answered".to_owned());
                continue;
            }
            (deed, Some(heard)) => (deed, heard),
        };
        if attempt.answers.iter().any(|other| !is_same(other, heard)) {
            faults.push("the same was sent twice, and answered differently".to_owned());
        }
        match deed {
            Done::Dispensed(price) => {
                captured = price;
                faults.extend(report_fault(attempt, heard, deadline, outages));
            }
            Done::Jammed => {
                if let Heard::Refused(reason) = heard {
                    faults.push(format!("its machine jammed, and was told {}", reason.name()));
                }
            }
            Done::Refunded(_, price) => {
                let all = refunded.checked_add(price).unwrap_or(Amount::MAX);
                faults.extend(refund_fault(heard, price, all <= captured));
                if matches!(heard, Heard::Told(..)) {
                    refunded = all;
                }
            }
        }
    }
}

fn is_same(one: &Heard, other: &Heard) -> bool {
    match (one, other) {
        (Heard::Refused(one), Heard::Refused(other)) => one == other,
        (Heard::Told(one, reference), Heard::Told(other, of_other)) => {
            reference == of_other
                && (one.state, one.captured, one.refunded, one.receipt)
                    == (other.state, other.captured, other.refunded, other.receipt)
        }
        (Heard::Refused(_), Heard::Told(..)) | (Heard::Told(..), Heard::Refused(_)) => false,
    }
}

/// A code that was none must have come to nothing.
fn slip_fault(slip: &Slip) -> Option<String> {
    match slip.refused {
        // A till that sends many such is not listened to any more, and a gateway that takes nothing
        // for the moment does not look at the code.
        Some(
            Reason::CodeNotValid
            | Reason::TooManyRequests
            | Reason::StorageLow
            | Reason::Busy
            | Reason::ShuttingDown,
        ) => None,
        reason => Some(format!(
            "a code that was mistyped or used before was answered with {}",
            name(reason)
        )),
    }
}

/// A report in time must be taken, unless nobody could be reached, and none that comes long after.
fn report_fault(
    attempt: &Attempt,
    heard: &Heard,
    deadline: Option<Moment>,
    outages: &[Outage],
) -> Option<String> {
    let deadline = deadline?;
    match heard {
        Heard::Told(told, _) if told.state != PaymentState::Reversed => {
            let is_late = attempt.at > deadline.saturating_add(AROUND);
            is_late.then(|| "its machine reported too late, and was paid".to_owned())
        }
        Heard::Told(..) | Heard::Refused(_) => {
            let is_early = attempt.at.saturating_add(AROUND) < deadline;
            let cut_off = outages.iter().any(|outage| outage.touches(attempt.at, deadline));
            (is_early && !cut_off)
                .then(|| "its machine reported in time, and was not paid".to_owned())
        }
    }
}

/// No more is given back than was captured, and nothing less is refused.
fn refund_fault(heard: &Heard, price: Amount, is_covered: bool) -> Option<String> {
    let minor = price.minor();
    match heard {
        Heard::Told(..) if !is_covered => {
            Some(format!("a refund of {minor} was made, which is more than there was"))
        }
        Heard::Refused(reason) if is_covered => {
            Some(format!("a refund of {minor} was refused ({}), and it was there", reason.name()))
        }
        Heard::Refused(reason) if *reason != Reason::AmountAboveCapture => {
            Some(format!("a refund of too much was refused as {}", reason.name()))
        }
        Heard::Told(..) | Heard::Refused(_) => None,
    }
}
