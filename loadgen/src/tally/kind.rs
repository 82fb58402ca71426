//! What is told apart among payments besides what became of them.

use kessai_engine::{PaymentState, TerminalKind};

use crate::ledger::{Order, Standing};

/// What is told apart among payments besides what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The customer showed a presentment code.
    WithCode,
    /// The store charges in another currency.
    Foreign,
    /// A machine was to hand the goods out.
    Vending,
    /// It was approved, and some of the goods came out of the machine.
    CapturedInPart,
    /// It was approved, and taken back.
    Reversed,
    /// It was approved, and some or all was given back.
    Refunded,
}

impl Kind {
    /// Every kind, in the order of reports.
    pub const ALL: [Self; 6] = [
        Self::WithCode,
        Self::Foreign,
        Self::Vending,
        Self::CapturedInPart,
        Self::Reversed,
        Self::Refunded,
    ];

    /// Names it in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WithCode => "with a code",
            Self::Foreign => "foreign price",
            Self::Vending => "vending",
            Self::CapturedInPart => "captured in part",
            Self::Reversed => "reversed",
            Self::Refunded => "refunded",
        }
    }

    /// Says whether a payment that stands so at last is of this kind.
    pub(super) fn has(self, order: &Order, last: Option<&Standing>) -> bool {
        match self {
            Self::WithCode => order.is_by_code(),
            Self::Foreign => order.is_foreign(),
            Self::Vending => order.kind == TerminalKind::Vending,
            Self::CapturedInPart => last.is_some_and(|last| {
                matches!(last.state, PaymentState::Captured | PaymentState::Refunded)
                    && last.captured < order.total
            }),
            Self::Reversed => last.is_some_and(|last| last.state == PaymentState::Reversed),
            Self::Refunded => last.is_some_and(|last| last.state == PaymentState::Refunded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;
    use crate::course::Naming;
    use crate::ledger::Standing;
    use crate::sample;
    use kessai_engine::terms::{Amount, Currency, Reason};
    use kessai_engine::{PaymentState, TerminalKind};

    #[test]
    fn kinds_are_told_by_what_was_asked_and_what_came_of_it() {
        let standing = |state, captured| Standing {
            state,
            reason: Some(Reason::Approved),
            captured: sample::yen(captured),
            refunded: Amount::ZERO,
        };
        let check = |kind: Kind, last: Standing, expected: bool| {
            assert_eq!(kind.has(&sample::order(1), Some(&last)), expected, "{kind:?} {last:?}");
        };
        let (whole, part) =
            (standing(PaymentState::Captured, 300), standing(PaymentState::Captured, 299));
        let back = standing(PaymentState::Reversed, 0);
        check(Kind::CapturedInPart, whole, false);
        check(Kind::CapturedInPart, part, true);
        check(Kind::CapturedInPart, back, false);
        check(Kind::Reversed, back, true);
        check(Kind::Reversed, whole, false);
        check(Kind::Refunded, standing(PaymentState::Refunded, 300), true);
        check(Kind::Refunded, whole, false);
        let mut order = sample::order(1);
        let asked = [Kind::WithCode, Kind::Foreign, Kind::Vending];
        assert_eq!(asked.map(|kind| kind.has(&order, None)), [false; 3]);
        order.course.naming = Naming::Code;
        (order.currency, order.kind) = (Currency::USD, TerminalKind::Vending);
        assert_eq!(asked.map(|kind| kind.has(&order, None)), [true; 3]);
    }
}
