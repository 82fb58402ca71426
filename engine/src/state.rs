//! The life of a payment: every state, every event, one table.

use serde::{Deserialize, Serialize};

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum PaymentState {
    /// The price is held; the customer has been or will be asked.
    Pending,
    /// The customer approved; the hold stands until the goods are delivered.
    Authorised,
    /// The customer was debited and the merchant credited.
    Captured,
    /// Taken back whole: the customer has the money again.
    Reversed,
    /// Given back after capture, in part or whole.
    Refunded,
    /// Not approved: the customer cannot or may not pay.
    Declined,
    /// Called off before approval, by the customer or the terminal.
    Cancelled,
    /// Not answered in time.
    Expired,
}

/// What can happen to a payment that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Event {
    /// A proof matched, and delivery is still to come.
    Authorise,
    /// A proof matched with capture at approval, or delivery was reported.
    Capture,
    /// The last try did not match.
    Decline,
    /// Customer or terminal called it off.
    Cancel,
    /// The time to answer is over.
    Expire,
    /// The terminal took it back, or delivery failed.
    Reverse,
    /// The merchant gives money back.
    Refund,
}

impl PaymentState {
    /// Every state, in the order of the table's rows.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Authorised,
        Self::Captured,
        Self::Reversed,
        Self::Refunded,
        Self::Declined,
        Self::Cancelled,
        Self::Expired,
    ];

    /// Says where `event` leads from here, or that it cannot happen here.
    #[must_use]
    pub fn after(self, event: Event) -> Option<Self> {
        TRANSITIONS
            .iter()
            .find(|(from, _)| *from == self)
            .and_then(|(_, row)| row.iter().find(|(on, _)| *on == event))
            .map(|(_, to)| *to)
    }

    /// Says whether the customer approved at some time.
    #[must_use]
    pub const fn is_approved(self) -> bool {
        matches!(self, Self::Authorised | Self::Captured | Self::Reversed | Self::Refunded)
    }
}

impl Event {
    /// Every event, in the order of the table's columns.
    pub const ALL: [Self; 7] = [
        Self::Authorise,
        Self::Capture,
        Self::Decline,
        Self::Cancel,
        Self::Expire,
        Self::Reverse,
        Self::Refund,
    ];
}

type Row = (PaymentState, &'static [(Event, PaymentState)]);

/// The whole table. What does not stand here does not happen.
const TRANSITIONS: [Row; 8] = {
    use {Event as E, PaymentState as S};
    [
        (
            S::Pending,
            &[
                (E::Authorise, S::Authorised),
                (E::Capture, S::Captured),
                (E::Decline, S::Declined),
                (E::Cancel, S::Cancelled),
                (E::Expire, S::Expired),
            ],
        ),
        (S::Authorised, &[(E::Capture, S::Captured), (E::Reverse, S::Reversed)]),
        (S::Captured, &[(E::Reverse, S::Reversed), (E::Refund, S::Refunded)]),
        (S::Reversed, &[]),
        (S::Refunded, &[(E::Refund, S::Refunded)]),
        (S::Declined, &[]),
        (S::Cancelled, &[]),
        (S::Expired, &[]),
    ]
};

#[cfg(test)]
mod tests {
    use super::{Event, PaymentState};

    /// Every state (row) by every event (column), printed whole: `-` cannot happen.
    const TABLE: &str = "\
state         Authorise  Capture    Decline    Cancel     Expire     Reverse    Refund
Pending       Authorised Captured   Declined   Cancelled  Expired    -          -
Authorised    -          Captured   -          -          -          Reversed   -
Captured      -          -          -          -          -          Reversed   Refunded
Reversed      -          -          -          -          -          -          -
Refunded      -          -          -          -          -          -          Refunded
Declined      -          -          -          -          -          -          -
Cancelled     -          -          -          -          -          -          -
Expired       -          -          -          -          -          -          -
";

    #[test]
    fn the_table_is_as_printed() {
        let mut printed = format!("{:13}", "state");
        for event in Event::ALL {
            printed.push_str(&format!(" {:10}", format!("{event:?}")));
        }
        for state in PaymentState::ALL {
            printed = format!("{}\n{:13}", printed.trim_end(), format!("{state:?}"));
            for event in Event::ALL {
                let to = state.after(event).map_or_else(|| "-".into(), |to| format!("{to:?}"));
                printed.push_str(&format!(" {to:10}"));
            }
        }
        assert_eq!(format!("{}\n", printed.trim_end()), TABLE);
    }
}
