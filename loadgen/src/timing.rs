//! What a payment took: the machine's part and the people's, told apart in this one place.
//!
//! ```text
//! intended ──────► prompt ─────────────────────► last answer ──────► end told
//!          machine         human (reads, types,               machine
//!                          mistypes, types again)
//! ```
//! *Machine* is from the intended moment until the customer is asked, plus from the last answer of
//! a person until the till knows the end. *Human* is the rest, between the two; the round trips of
//! mistyped passwords are counted with the people who cause them. The last answer is
//!
//! - of an approval or a decline by wrong passwords: the last password typed,
//! - of a cancellation: the pressing of *Cancel*, on the handset or on the till,
//! - of an expiry: the moment until which the customer could have answered.
//!
//! A payment that was declined, or given up, before anybody was asked is all machine. One whose till
//! lost the answer has no time: nobody was there to be told.

use std::time::Duration;

use kessai_engine::PaymentState;
use kessai_engine::terms::Reason;

use crate::course::Hearing;
use crate::ledger::{Moment, Record};
use crate::people::Deed;

/// The two parts of a payment's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// What machines took.
    pub machine: Duration,
    /// What people took, if anybody was asked.
    pub human: Option<Duration>,
}

/// Splits the time of a payment whose end its till has been told; nothing of another.
#[must_use]
pub fn split(record: &Record) -> Option<Split> {
    if record.order.course.hearing != Hearing::Hears {
        return None;
    }
    let end = record.terminal.first()?;
    let whole = end.at.saturating_sub(record.order.intended);
    let answered = record.prompted.and_then(|prompted| {
        Some((prompted, last_answer(record, prompted, end.state, end.reason)?))
    });
    let Some((prompted, answered)) = answered else {
        return Some(Split { machine: whole, human: None });
    };
    // An answer may cross the end on the way; then no time of machines lies behind it.
    let human = answered.min(end.at).saturating_sub(prompted);
    Some(Split { machine: whole.saturating_sub(human), human: Some(human) })
}

fn last_answer(
    record: &Record,
    prompted: Moment,
    state: PaymentState,
    told: Option<Reason>,
) -> Option<Moment> {
    let last = |deeds: &[Deed]| {
        record.acts.iter().rev().find(|(_, deed)| deeds.contains(deed)).map(|(at, _)| *at)
    };
    match state {
        PaymentState::Expired => prompted.checked_add(record.time_to_answer),
        PaymentState::Cancelled if told == Some(Reason::CancelledByTerminal) => {
            // Given up before the question came up: nobody was kept waiting.
            record.given_up.filter(|given_up| *given_up > prompted)
        }
        PaymentState::Cancelled => last(&[Deed::Cancel]),
        PaymentState::Declined => last(&[Deed::Mistype]),
        PaymentState::Authorised
        | PaymentState::Captured
        | PaymentState::Reversed
        | PaymentState::Refunded => last(&[Deed::Approve]),
        PaymentState::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Split, split};
    use crate::ledger::Record;
    use crate::people::Deed;
    use crate::sample;
    use kessai_engine::PaymentState;
    use kessai_engine::terms::Reason;
    use std::time::Duration;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn check(record: &Record, machine: u64, human: Option<u64>) {
        let expected = Split { machine: ms(machine), human: human.map(ms) };
        assert_eq!(split(record), Some(expected));
    }

    /// Intended at 100, asked at 110, ended at 600.
    fn record(state: PaymentState, reason: Reason, acts: &[(u64, Deed)]) -> Record {
        let mut record = sample::record(1);
        record.order.intended = ms(100);
        record.prompted = Some(ms(110));
        record.time_to_answer = ms(480);
        record.acts = acts.iter().map(|(at, deed)| (ms(*at), *deed)).collect();
        let told = &mut record.terminal[0];
        (told.at, told.state, told.reason) = (ms(600), state, Some(reason));
        record
    }

    #[test]
    fn machine_time_is_before_the_question_and_after_the_answer() {
        use Deed::{Approve, Cancel, Mistype};
        use PaymentState::{Cancelled, Captured, Declined, Expired};
        check(&record(Captured, Reason::Approved, &[(595, Approve)]), 15, Some(485));
        let twice = record(Captured, Reason::Approved, &[(300, Mistype), (590, Approve)]);
        check(&twice, 20, Some(480));
        check(
            &record(Declined, Reason::NotHonoured, &[(300, Mistype), (597, Mistype)]),
            13,
            Some(487),
        );
        check(&record(Cancelled, Reason::CancelledByCustomer, &[(598, Cancel)]), 12, Some(488));
        check(&record(Expired, Reason::ExpiredUnanswered, &[]), 20, Some(480));
    }

    #[test]
    fn an_answer_that_crosses_the_end_adds_no_machine_time() {
        let late = record(PaymentState::Captured, Reason::Approved, &[(601, Deed::Approve)]);
        check(&late, 10, Some(490));
    }

    #[test]
    fn the_clerk_is_a_person_too() {
        let mut record =
            record(PaymentState::Cancelled, Reason::CancelledByTerminal, &[(599, Deed::Approve)]);
        record.given_up = Some(ms(590));
        check(&record, 20, Some(480));
        record.given_up = Some(ms(105));
        check(&record, 500, None);
    }

    #[test]
    fn without_a_question_all_is_machine() {
        let mut record = record(PaymentState::Declined, Reason::NotHonoured, &[]);
        record.prompted = None;
        check(&record, 500, None);
        record.terminal.clear();
        assert_eq!(split(&record), None);
    }
}
