//! Everything that can happen to a payment once it was asked for, as its record takes it.

use std::borrow::Cow;
use std::time::Duration;

use kessai_engine::terms::{CustomerId, PaymentId, Reason, TerminalId};
use serde::{Deserialize, Serialize};

use super::{Attempt, Heard, Moment, Record, Shown, Slip, Told};
use crate::people::Deed;
use crate::spill::Parted;

/// Something that happened to a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Event<'a> {
    /// A customer was asked to confirm it, and was given so long.
    Prompted(Shown<'a>, Moment, Duration),
    /// Its customer did something.
    Acted(Moment, Deed),
    /// Its clerk gave it up.
    GivenUp(Moment),
    /// A terminal was told of it.
    Terminal(TerminalId, Told),
    /// A customer was told of it.
    Customer(CustomerId, Told),
    /// The gateway refused to begin it.
    Refused(Moment, Reason),
    /// Something is about to be done about it.
    Attempted(Attempt),
    /// What came of what was done last.
    Heard(Heard, Moment),
    /// A code was sent that is none.
    Slipped(Slip),
    /// Its tills have done all that they were going to do.
    Over,
}

impl Event<'_> {
    /// Takes what is lent along.
    pub(super) fn into_owned(self) -> Event<'static> {
        match self {
            Self::Prompted(shown, at, time) => Event::Prompted(shown.into_owned(), at, time),
            Self::Acted(at, deed) => Event::Acted(at, deed),
            Self::GivenUp(at) => Event::GivenUp(at),
            Self::Terminal(terminal, told) => Event::Terminal(terminal, told),
            Self::Customer(customer, told) => Event::Customer(customer, told),
            Self::Refused(at, reason) => Event::Refused(at, reason),
            Self::Attempted(attempt) => Event::Attempted(attempt),
            Self::Heard(heard, at) => Event::Heard(heard, at),
            Self::Slipped(slip) => Event::Slipped(slip),
            Self::Over => Event::Over,
        }
    }

    /// Writes it into the record of its payment, and says what must not have happened.
    pub(super) fn enter(self, payment: PaymentId, record: &mut Record) -> Option<String> {
        match self {
            Self::Prompted(shown, at, time_to_answer) => {
                if record.order.customer != shown.customer {
                    return Some(unasked(payment, shown.customer));
                }
                record.prompted.get_or_insert(at);
                record.time_to_answer = time_to_answer;
                let what = record.order.differs(&shown)?;
                return Some(format!("payment {payment} was shown to its customer with {what}"));
            }
            Self::Acted(at, deed) => record.acts.push((at, deed)),
            Self::GivenUp(at) => record.given_up = Some(at),
            Self::Terminal(_, told) => record.terminal.push(told),
            Self::Customer(customer, told) if record.order.customer == customer => {
                record.customer.push(told);
            }
            Self::Customer(customer, _) => record.misled.push(customer),
            Self::Refused(at, reason) => record.refused = Some((at, reason)),
            Self::Attempted(attempt) => record.attempts.push(attempt),
            Self::Heard(heard, at) => {
                if let Some(attempt) = record.attempts.last_mut() {
                    attempt.answered.get_or_insert(at);
                    attempt.answers.push(heard);
                }
            }
            Self::Slipped(slip) => record.slips.push(slip),
            Self::Over => record.is_over = true,
        }
        None
    }

    /// Says that it happened to a payment that nobody asked for.
    pub(super) fn of_nobody(&self, payment: PaymentId) -> String {
        let who: Cow<'_, str> = match self {
            Self::Prompted(shown, ..) => return unasked(payment, shown.customer),
            Self::Terminal(terminal, _) => format!("terminal {terminal}").into(),
            Self::Customer(customer, _) => format!("customer {customer}").into(),
            Self::Acted(..)
            | Self::GivenUp(_)
            | Self::Refused(..)
            | Self::Attempted(_)
            | Self::Heard(..)
            | Self::Slipped(_)
            | Self::Over => "a till".into(),
        };
        format!("{who} was told of payment {payment}, which nobody asked for")
    }
}

fn unasked(payment: PaymentId, customer: CustomerId) -> String {
    format!(
        "customer {customer} was asked to confirm payment {payment}, which no till had asked of \
         them"
    )
}

/// What is on disk of a payment: its record, and behind that what happened later.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Written {
    Record(PaymentId, Box<Record>),
    Event(PaymentId, Event<'static>),
}

impl Written {
    pub(super) fn into_record(self) -> Option<Box<Record>> {
        match self {
            Self::Record(_, record) => Some(record),
            Self::Event(..) => None,
        }
    }
}

impl Parted for Written {
    fn part(&self) -> u8 {
        match self {
            Self::Record(payment, _) | Self::Event(payment, _) => part(payment),
        }
    }
}

/// The part of a payment: its last byte, which is random.
pub(crate) const fn part(payment: &PaymentId) -> u8 {
    let [.., last] = payment.as_bytes();
    *last
}
