//! What tills and machines did about a payment, and whether the answers were due.

use std::time::Duration;

use kessai_engine::PaymentState;
use kessai_engine::terms::{Amount, Reason, Reference};

use super::payment::{least_deadline, name, word};
use crate::ledger::{Attempt, Done, Heard, Record, Slip, Told};

/// How long behind a machine's deadline a report may still be taken: the gateway looks for what is
/// over now and then.
const BEHIND: Duration = Duration::from_millis(500);

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
pub(super) fn faults(record: &Record, faults: &mut Vec<String>) {
    record.slips.iter().filter_map(slip_fault).for_each(|fault| faults.push(fault));
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
                faults.extend(report_fault(record, attempt, heard));
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

/// A report that was answered in time must have been taken, and none that was sent long after. What
/// lies between is the business of [`Summary`](crate::tally::Summary): it came to the gateway too
/// late, or machines were too slow.
fn report_fault(record: &Record, attempt: &Attempt, heard: &Heard) -> Option<String> {
    match heard {
        Heard::Told(told, _) if told.state != PaymentState::Reversed => {
            let deadline = record.terminal.first().and_then(Told::deadline)?;
            (attempt.at > deadline.saturating_add(BEHIND))
                .then(|| "its machine reported too late, and was paid".to_owned())
        }
        Heard::Told(..) | Heard::Refused(_) => (attempt.answered? < least_deadline(record)?)
            .then(|| format!("its machine reported in time, and was not paid ({})", why(heard))),
    }
}

fn why(heard: &Heard) -> &'static str {
    match heard {
        Heard::Told(told, _) => word(told.state),
        Heard::Refused(reason) => reason.name(),
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
