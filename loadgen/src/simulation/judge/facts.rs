//! What was ever told, kept apart from the judge's books: whoever was told it will hold us to it.

use std::collections::BTreeMap;

use kessai_engine::terms::ids::PaymentId;
use kessai_engine::{PaymentState, PaymentView};

use super::{Violation, Wrong};
use crate::simulation::message::{Standpoint, Tell};

/// The furthest that was told of each payment.
#[derive(Debug, Default)]
pub(super) struct Facts {
    payments: BTreeMap<PaymentId, Standpoint>,
    /// How many messages told something of a payment.
    count: u64,
}

impl Facts {
    /// Takes in a message that leaves: it may not be at odds with any before.
    pub(super) fn note(&mut self, tell: &Tell) -> Result<(), Violation> {
        let (Tell::Payment(told) | Tell::Refunded(told, _)) = tell else { return Ok(()) };
        self.count = self.count.saturating_add(1);
        if let Some(before) = self.payments.get(&told.payment)
            && let Some((wrong, flaw)) = flaw(before, told)
        {
            let what = format!("told {before:?}, and then {told:?}: {flaw}");
            return Err(Violation::of(wrong, what));
        }
        let before = self.payments.get(&told.payment).map_or(0, |before| before.notice);
        let notice = told.notice.max(before);
        self.payments.insert(told.payment, Standpoint { notice, ..*told });
        Ok(())
    }

    /// How many messages told something of a payment.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn payments(&self) -> impl Iterator<Item = &Standpoint> {
        self.payments.values()
    }

    /// Checks that what was told of a payment is still true.
    pub(super) fn check(&self, view: &PaymentView) -> Result<(), Violation> {
        let now = Standpoint::from(view);
        match self.payments.get(&view.payment).and_then(|told| Some((told, flaw(told, &now)?))) {
            None => Ok(()),
            Some((told, (wrong, flaw))) => {
                let what = format!("told {told:?}, and it stands {now:?}: {flaw}");
                Err(Violation::of(wrong, what))
            }
        }
    }

    /// Forgets a fact that the disk has lost where nothing was promised.
    pub(super) fn forgive(&mut self, payment: &PaymentId) {
        self.payments.remove(payment);
    }
}

/// Why a payment that stood at `told` cannot stand at `now`.
pub(super) fn flaw(told: &Standpoint, now: &Standpoint) -> Option<(Wrong, &'static str)> {
    use PaymentState as S;
    let is_later = match told.state {
        S::Pending => true,
        S::Authorised => {
            matches!(now.state, S::Authorised | S::Captured | S::Reversed | S::Refunded)
        }
        S::Captured => matches!(now.state, S::Captured | S::Reversed | S::Refunded),
        S::Reversed | S::Refunded | S::Declined | S::Cancelled | S::Expired => {
            now.state == told.state
        }
    };
    let was_captured = matches!(told.state, S::Captured | S::Refunded);
    // The archive does not number notices.
    let notice_gone = now.notice != 0 && now.notice < told.notice;
    let (approval, reference) = (told.approval.is_some(), told.reference.is_some());
    let flaws = [
        (was_captured && told.captured != now.captured, Wrong::Doubled, "it was debited anew"),
        (approval && told.approval != now.approval, Wrong::Doubled, "it was approved anew"),
        (reference && told.reference != now.reference, Wrong::Doubled, "it was booked anew"),
        (!is_later, Wrong::Lost, "a payment does not go there"),
        (now.refunded < told.refunded, Wrong::Lost, "a refund is gone"),
        (notice_gone, Wrong::Lost, "a notice is gone"),
    ];
    flaws.into_iter().find(|(applies, ..)| *applies).map(|(_, wrong, flaw)| (wrong, flaw))
}
