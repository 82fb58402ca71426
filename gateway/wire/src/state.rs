//! Says how a payment stands, when its money moves and why it goes back, and how its taxes are
//! rounded.
//!
//! The numbers stand in the schema only; here each value is led to its number and back.

use kessai_terms::{Rounding, collation::Outcome};

use crate::field::FieldError;
use crate::v1;

/// Says how a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PaymentState {
    /// The amount is held, the customer has been asked.
    Pending,
    /// Approved, to be captured when the machine reports delivery.
    Authorised,
    /// Approved and debited.
    Captured,
    /// Approved once, then taken back whole.
    Reversed,
    /// Captured, then paid back whole.
    Refunded,
    /// Captured, then paid back in part.
    PartlyRefunded,
    /// Declined, at once or by the last wrong proof.
    Declined,
    /// Given up by the customer or the terminal before approval.
    Cancelled,
    /// Nobody answered in time.
    Expired,
}

impl PaymentState {
    /// Every state, in the order of the numbers.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Authorised,
        Self::Captured,
        Self::Reversed,
        Self::Refunded,
        Self::PartlyRefunded,
        Self::Declined,
        Self::Cancelled,
        Self::Expired,
    ];

    /// Tells whether a terminal that sees this state may hand the goods over.
    pub const fn permits_handover(self) -> bool {
        match self {
            Self::Authorised | Self::Captured => true,
            Self::Pending
            | Self::Reversed
            | Self::Refunded
            | Self::PartlyRefunded
            | Self::Declined
            | Self::Cancelled
            | Self::Expired => false,
        }
    }

    /// Tells whether a payment that stands so was never approved and never will be.
    pub const fn is_refusal(self) -> bool {
        match self {
            Self::Declined | Self::Cancelled | Self::Expired => true,
            Self::Pending
            | Self::Authorised
            | Self::Captured
            | Self::Reversed
            | Self::Refunded
            | Self::PartlyRefunded => false,
        }
    }

    pub(crate) fn parse(number: i32) -> Result<Self, FieldError> {
        match v1::PaymentState::try_from(number) {
            Ok(v1::PaymentState::Pending) => Ok(Self::Pending),
            Ok(v1::PaymentState::Authorised) => Ok(Self::Authorised),
            Ok(v1::PaymentState::Captured) => Ok(Self::Captured),
            Ok(v1::PaymentState::Reversed) => Ok(Self::Reversed),
            Ok(v1::PaymentState::Refunded) => Ok(Self::Refunded),
            Ok(v1::PaymentState::PartlyRefunded) => Ok(Self::PartlyRefunded),
            Ok(v1::PaymentState::Declined) => Ok(Self::Declined),
            Ok(v1::PaymentState::Cancelled) => Ok(Self::Cancelled),
            Ok(v1::PaymentState::Expired) => Ok(Self::Expired),
            Ok(v1::PaymentState::Unspecified) | Err(_) => Err(FieldError("state")),
        }
    }
}

impl From<PaymentState> for v1::PaymentState {
    fn from(state: PaymentState) -> Self {
        match state {
            PaymentState::Pending => Self::Pending,
            PaymentState::Authorised => Self::Authorised,
            PaymentState::Captured => Self::Captured,
            PaymentState::Reversed => Self::Reversed,
            PaymentState::Refunded => Self::Refunded,
            PaymentState::PartlyRefunded => Self::PartlyRefunded,
            PaymentState::Declined => Self::Declined,
            PaymentState::Cancelled => Self::Cancelled,
            PaymentState::Expired => Self::Expired,
        }
    }
}

/// Says when the money of a payment moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capture {
    /// With the approval: somebody hands the goods over.
    AtApproval,
    /// When the machine reports that the goods came out.
    OnDelivery,
}

impl Capture {
    pub(crate) fn parse(number: i32) -> Result<Self, FieldError> {
        match v1::Capture::try_from(number) {
            Ok(v1::Capture::AtApproval) => Ok(Self::AtApproval),
            Ok(v1::Capture::OnDelivery) => Ok(Self::OnDelivery),
            Ok(v1::Capture::Unspecified) | Err(_) => Err(FieldError("capture")),
        }
    }
}

impl From<Capture> for v1::Capture {
    fn from(capture: Capture) -> Self {
        match capture {
            Capture::AtApproval => Self::AtApproval,
            Capture::OnDelivery => Self::OnDelivery,
        }
    }
}

/// Says why a payment is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReverseCause {
    /// Whoever stands at the terminal wishes it, or the terminal does not know whether it was paid.
    OnRequest,
    /// The goods could not be handed out.
    NotDispensed,
}

impl ReverseCause {
    pub(crate) fn parse(number: i32) -> Result<Self, FieldError> {
        match v1::ReverseCause::try_from(number) {
            Ok(v1::ReverseCause::OnRequest) => Ok(Self::OnRequest),
            Ok(v1::ReverseCause::NotDispensed) => Ok(Self::NotDispensed),
            Ok(v1::ReverseCause::Unspecified) | Err(_) => Err(FieldError("cause")),
        }
    }
}

impl From<ReverseCause> for v1::ReverseCause {
    fn from(cause: ReverseCause) -> Self {
        match cause {
            ReverseCause::OnRequest => Self::OnRequest,
            ReverseCause::NotDispensed => Self::NotDispensed,
        }
    }
}

pub(crate) fn parse_rounding(number: i32) -> Result<Rounding, FieldError> {
    match v1::TaxRounding::try_from(number) {
        Ok(v1::TaxRounding::Down) => Ok(Rounding::Down),
        Ok(v1::TaxRounding::HalfUp) => Ok(Rounding::HalfUp),
        Ok(v1::TaxRounding::Up) => Ok(Rounding::Up),
        Ok(v1::TaxRounding::Unspecified) | Err(_) => Err(FieldError("tax_rounding")),
    }
}

impl From<Rounding> for v1::TaxRounding {
    fn from(rounding: Rounding) -> Self {
        match rounding {
            Rounding::Down => Self::Down,
            Rounding::HalfUp => Self::HalfUp,
            Rounding::Up => Self::Up,
        }
    }
}

pub(crate) fn parse_outcome(number: i32) -> Result<Outcome, FieldError> {
    match v1::Outcome::try_from(number) {
        Ok(v1::Outcome::Approved) => Ok(Outcome::Approved),
        Ok(v1::Outcome::Refused) => Ok(Outcome::Refused),
        Ok(v1::Outcome::Unspecified) | Err(_) => Err(FieldError("outcome")),
    }
}

impl From<Outcome> for v1::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Approved => Self::Approved,
            Outcome::Refused => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_number_and_every_number_but_zero_is_a_state() {
        for (number, state) in (1_i32..).zip(PaymentState::ALL) {
            assert_eq!(v1::PaymentState::from(state), v1::PaymentState::try_from(number).unwrap());
            assert_eq!(PaymentState::parse(number), Ok(state));
        }
        for number in [0, 10, -1, i32::MIN, i32::MAX] {
            assert_eq!(PaymentState::parse(number), Err(FieldError("state")));
        }
    }

    #[test]
    fn small_enumerations_lead_there_and_back() {
        for capture in [Capture::AtApproval, Capture::OnDelivery] {
            assert_eq!(Capture::parse(v1::Capture::from(capture).into()), Ok(capture));
        }
        for cause in [ReverseCause::OnRequest, ReverseCause::NotDispensed] {
            assert_eq!(ReverseCause::parse(v1::ReverseCause::from(cause).into()), Ok(cause));
        }
        assert!(ReverseCause::parse(0).is_err() && ReverseCause::parse(3).is_err());
        for rounding in [Rounding::Down, Rounding::HalfUp, Rounding::Up] {
            assert_eq!(parse_rounding(v1::TaxRounding::from(rounding).into()), Ok(rounding));
        }
        for outcome in [Outcome::Approved, Outcome::Refused] {
            let number = i32::from(v1::Outcome::from(outcome));
            assert_eq!(parse_outcome(number), Ok(outcome));
            assert_eq!(number, i32::from(outcome.byte()), "the byte that is signed");
        }
        assert!(
            Capture::parse(0).is_err() && parse_rounding(0).is_err() && parse_outcome(0).is_err()
        );
        assert!(
            Capture::parse(3).is_err() && parse_rounding(4).is_err() && parse_outcome(3).is_err()
        );
    }
}
