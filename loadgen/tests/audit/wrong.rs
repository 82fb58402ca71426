//! What a gateway may do wrong to one answer, and what the audit must say of it.

use kessai_engine::PaymentState;
use kessai_engine::terms::{ApprovalNumber, CustomerId, Reason, Reference};
use kessai_loadgen::audit::PaymentEntry;
use kessai_loadgen::ledger::{Receipt, Told};

use crate::gateway::yen;

/// Something that is wrong with an answer, or with what stands behind it. All happen to payments that
/// are approved, but for refunds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// The till never gets it.
    AnswerLost,
    /// The customer never gets the notice.
    NoticeLost,
    /// Both were told, and the books forgot it.
    EntryLost,
    /// The customer is debited twice.
    DebitedTwice,
    /// It is in the books a second time, under another id.
    OpenedTwice,
    /// It goes under the reference of the first payment of all.
    ReferenceTwice,
    /// A refund is booked twice, and told once.
    RefundedTwice,
    /// The till is told a yen less.
    AmountAltered,
    /// The customer is told a yen more.
    NoticeAltered,
    /// The till is told another end.
    StateAltered,
    /// The customer is told another reason.
    ReasonAltered,
    /// The till prints another approval number.
    ReceiptAltered,
    /// Somebody else is told.
    Misled,
    /// The books have another till.
    TillAltered,
    /// The merchant is owed a yen more.
    TallyAltered,
    /// A yen stays held.
    StillHeld,
}

impl Wrong {
    pub const LOST: [Self; 3] = [Self::AnswerLost, Self::NoticeLost, Self::EntryLost];
    pub const DOUBLED: [Self; 4] =
        [Self::DebitedTwice, Self::OpenedTwice, Self::ReferenceTwice, Self::RefundedTwice];
    pub const ALTERED: [Self; 9] = [
        Self::AmountAltered,
        Self::NoticeAltered,
        Self::StateAltered,
        Self::ReasonAltered,
        Self::ReceiptAltered,
        Self::Misled,
        Self::TillAltered,
        Self::TallyAltered,
        Self::StillHeld,
    ];

    /// Alters what both sides are told.
    pub fn alter(self, told: &mut Told, noticed: &mut Told) {
        match self {
            Self::AmountAltered => told.captured = told.captured.checked_sub(yen(1)).unwrap(),
            Self::NoticeAltered => {
                noticed.captured = noticed.captured.checked_add(yen(1)).unwrap();
            }
            Self::StateAltered => {
                (told.state, told.reason) =
                    (PaymentState::Expired, Some(Reason::ExpiredUnanswered));
                told.captured = yen(0);
            }
            Self::ReasonAltered => noticed.reason = Some(Reason::DayLimit),
            Self::ReceiptAltered => {
                let Receipt { reference, .. } = told.receipt.unwrap();
                let approval = ApprovalNumber::MAX;
                told.receipt = Some(Receipt { approval, reference });
            }
            Self::ReferenceTwice => {
                for receipt in
                    [told.receipt.as_mut(), noticed.receipt.as_mut()].into_iter().flatten()
                {
                    receipt.reference = Reference::wrapping(0);
                }
            }
            _ => {}
        }
    }

    /// Alters what the books hold of the payment.
    pub fn falsify(self, entry: &mut PaymentEntry) {
        match self {
            Self::ReferenceTwice => entry.reference = Some(Reference::wrapping(0)),
            Self::RefundedTwice => {
                entry.refunded = yen(100);
                entry.in_store.as_mut().unwrap().refunded = yen(100);
            }
            Self::TillAltered => entry.terminal = "P9999".parse().unwrap(),
            _ => {}
        }
    }

    /// Who is told instead of the customer.
    pub fn addressee(self, customer: CustomerId) -> CustomerId {
        if self == Self::Misled { "9999-999-999".parse().unwrap() } else { customer }
    }

    /// Of which payments it can happen to: by the last digit of the number.
    pub const fn digit(self) -> u64 {
        match self {
            Self::RefundedTwice => 6,
            _ => 3,
        }
    }

    /// What the audit must say: `P` stands for the payment, `C` for the customer, `M` for the merchant.
    pub const fn sentences(self) -> &'static [&'static str] {
        const UNSEEN: [&str; 3] = [
            "payment P: it was approved, but its customer was never told",
            "customer C: by what it was told it has",
            "customer C: it saw",
        ];
        match self {
            Self::AnswerLost => &[
                "payment P: it was approved, but its till never got an answer",
                "merchant M: its tills took",
            ],
            Self::NoticeLost => &UNSEEN,
            Self::EntryLost => &[
                "payment P: somebody was told an end of it, and the books do not know it",
                "customer C: by what it was told it has",
                "customer C: two payments came under notice",
                "merchant M: its tills took",
            ],
            Self::DebitedTwice => &["customer C: by what it was told it has"],
            Self::OpenedTwice => &["it is in the books, and nobody asked for it"],
            Self::ReferenceTwice => &["share reference 000000000000"],
            Self::RefundedTwice => &[
                "payment P: the books gave 100 yen back, due were 50",
                "payment P: the books owe its store",
                "payment P: its customer was told other amounts",
                "customer C: by what it was told it has",
                "merchant M: its tills took",
            ],
            Self::AmountAltered => &["payment P: its till was told other amounts"],
            Self::NoticeAltered => &[
                "payment P: its customer was told other amounts",
                "customer C: by what it was told it has",
            ],
            Self::StateAltered => &[
                "payment P: the books debit",
                "payment P: the books owe its store",
                "payment P: its till was told that it expired, the books say that it was approved",
                "merchant M: its tills took",
            ],
            Self::ReasonAltered => {
                &["payment P: its customer was told day_limit where the books give approved"]
            }
            Self::ReceiptAltered => &["payment P: its till was told other receipt numbers"],
            Self::Misled => &[
                "payment P: customer 9999-999-999 was told of it, whom it does not concern",
                "payment P: it was approved, but its customer was never told",
                "customer C: by what it was told it has",
                "customer C: it saw",
            ],
            Self::TillAltered => &["payment P: P0"],
            Self::TallyAltered => &["merchant M: its tills took"],
            Self::StillHeld => &["customer C: 1 yen are held, and nothing is open"],
        }
    }
}
