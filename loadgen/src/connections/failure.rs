//! Why a connection, or an answer on it, did not come.

use kessai_client::wire::{CloseCode, PaymentState};
use kessai_client::{CallError, ConnectError};

/// Why something did not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no connection, or no longer.
    Connect(ConnectError),
    /// The connection stands, and what was asked on it was not answered as it should be.
    Call(CallError),
    /// No answer came for as long as one was waited for.
    Unanswered,
    /// A payment that was to be approved was not.
    NotPaid(PaymentState),
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Ended(why) => Self::Connect(why),
            CallError::Deadline => Self::Unanswered,
            error => Self::Call(error),
        }
    }
}

impl Failure {
    /// Names it in reports.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Connect(ConnectError::TurnedAway) => "turned_away".to_owned(),
            Self::Connect(ConnectError::Closed(code)) => format!("closed_{}", code.name()),
            Self::Connect(ConnectError::Refused(refusal)) => refused(refusal),
            Self::Connect(ConnectError::TimedOut) => "timed_out".to_owned(),
            Self::Connect(ConnectError::Unreachable(_)) => "unreachable".to_owned(),
            Self::Connect(ConnectError::Untrusted(_)) => "untrusted".to_owned(),
            Self::Connect(ConnectError::Garbage(_) | ConnectError::Greeting(_)) => {
                "not_understood".to_owned()
            }
            Self::Connect(ConnectError::EventsNotRead | ConnectError::Setup(_)) => {
                "not_set_up".to_owned()
            }
            Self::Call(CallError::Refused(refusal)) => refused(refusal),
            Self::Call(CallError::Lost) => "lost".to_owned(),
            Self::Call(_) => "not_understood".to_owned(),
            Self::Unanswered => "unanswered".to_owned(),
            Self::NotPaid(_) => "not_paid".to_owned(),
        }
    }

    /// Says whether the gateway turned the connection away because it takes no more for the moment:
    /// what its limits are for.
    pub(super) const fn is_turned_away(&self) -> bool {
        matches!(
            self,
            Self::Connect(ConnectError::TurnedAway | ConnectError::Closed(CloseCode::Busy))
        )
    }

    /// Says whether another attempt may succeed.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Connect(error) => !error.is_final(),
            Self::Call(error) => error.may_pass(),
            Self::Unanswered => true,
            Self::NotPaid(_) => false,
        }
    }
}

fn refused(refusal: &kessai_client::wire::Refusal) -> String {
    format!("refused_{}", refusal.reason.name())
}

#[cfg(test)]
mod tests {
    use super::Failure;
    use kessai_client::wire::CloseCode;
    use kessai_client::{CallError, ConnectError};

    #[test]
    fn what_a_limit_did_is_told_from_what_went_wrong() {
        let check = |failure: Failure, name: &str, turned_away: bool, may_pass: bool| {
            assert_eq!(failure.name(), name);
            assert_eq!((failure.is_turned_away(), failure.may_pass()), (turned_away, may_pass));
        };
        check(ConnectError::TurnedAway.into(), "turned_away", true, true);
        check(ConnectError::Closed(CloseCode::Busy).into(), "closed_busy", true, true);
        check(ConnectError::TimedOut.into(), "timed_out", false, true);
        let superseded = ConnectError::Closed(CloseCode::Superseded);
        check(CallError::Ended(superseded).into(), "closed_superseded", false, false);
        check(CallError::Deadline.into(), "unanswered", false, true);
        check(CallError::AnotherAnswer.into(), "not_understood", false, false);
    }
}
