//! What each side is told of a payment. A shop is told less than a customer.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use kessai_engine::terms::{Amount, Currency, Net, Reason};
use kessai_engine::{
    BusinessDate, Calendar, Disclosure, Merchant, PaymentState, PaymentView, Place, RefundView,
    Register, Store, TerminalKind, Terms, Turnover,
};
use kessai_wire as wire;
use kessai_wire::{
    Approval, CurrencyTotals, Notice, Payment, RefundDone, Tally, TerminalFacts, TerminalTotals,
};

/// Tells the payment's own terminal, in the terminal's currency.
pub(crate) fn terminal(view: &PaymentView, disclosure: Disclosure) -> Payment {
    let pending = view.state == PaymentState::Pending;
    let price = view.terms.map(|terms| terms.charge.price().of(terms.charge.price_currency()));
    let waits = matches!(view.state, PaymentState::Pending | PaymentState::Authorised);
    Payment {
        payment: view.payment,
        state: state(view, (view.refunded_price, view.captured_price)),
        reason: view.reason_for_terminal(disclosure),
        price,
        captured: view.captured_price,
        refunded: view.refunded_price,
        approval: approval(view),
        business_date: (!pending).then(|| view.business_date.yyyymmdd()),
        opened_at_ms: view.terms.map(|_| view.opened_at_ms),
        ended_at_ms: (!pending).then_some(view.changed_at_ms),
        expires_at_ms: waits.then_some(view.deadline_ms),
        refund: None,
        receipt: None,
    }
}

/// Tells what came of a refund, in the terminal's currency.
pub(crate) fn refund(refund: &RefundView) -> RefundDone {
    RefundDone {
        refund: refund.refund,
        amount: refund.price,
        reference: refund.reference,
        business_date: refund.business_date.yyyymmdd(),
    }
}

/// Tells a terminal what it turned over on a business day; nothing if a sum is no amount.
pub(crate) fn totals(
    on: BusinessDate,
    sums: &BTreeMap<Currency, Turnover>,
) -> Option<TerminalTotals> {
    let tally = |count: u64, sum: Net| {
        let minor = u64::try_from(sum.minor()).ok()?;
        Some(Tally { count: u32::try_from(count).ok()?, amount: Amount::new(minor).ok()? })
    };
    let mut currencies = sums
        .iter()
        .map(|(currency, turnover)| {
            Some(CurrencyTotals {
                currency: *currency,
                captured: tally(turnover.captures, turnover.captured)?,
                reversed: tally(turnover.reversals, turnover.reversed)?,
                refunded: tally(turnover.refunds, turnover.refunded)?,
            })
        })
        .collect::<Option<Vec<_>>>()?;
    currencies.sort_by_key(|totals| totals.currency.code());
    Some(TerminalTotals { business_date: on.yyyymmdd(), currencies })
}

/// Tells a terminal what the register says of it.
pub(crate) fn facts(place: &Place, calendar: &Calendar) -> TerminalFacts {
    TerminalFacts {
        merchant: place.merchant.id,
        merchant_name: place.merchant.name.clone(),
        invoice_number: place.merchant.invoice_number,
        store: place.store.id,
        store_name: place.store.name.clone(),
        currency: place.store.currency,
        rounding: place.store.rounding,
        kind: match place.terminal.kind {
            TerminalKind::PointOfSale => wire::TerminalKind::PointOfSale,
            TerminalKind::Vending => wire::TerminalKind::Vending,
        },
        utc_offset_minutes: i16::try_from(calendar.utc_offset_minutes).unwrap_or(0),
    }
}

/// Tells the payment's customer; nothing as long as there is nothing to tell.
pub(crate) fn customer(view: &PaymentView, register: &Register) -> Option<Notice> {
    let terms = view.terms?;
    let (store, merchant) = payee(&terms, register)?;
    Some(Notice {
        number: NonZeroU64::new(view.notice)?,
        payment: view.payment,
        state: state(view, (view.refunded, view.captured)),
        reason: view.reason.unwrap_or(Reason::Approved),
        price: terms.charge.amount.of(terms.charge.currency),
        store_name: store.name.clone(),
        merchant_name: merchant.name.clone(),
        at_ms: view.changed_at_ms,
        approval: approval(view),
        captured: view.captured,
        refunded: view.refunded,
        foreign: terms.charge.foreign.map(|foreign| wire::ForeignPrice {
            price: foreign.price.of(foreign.currency),
            rate: foreign.rate,
            markup_bp: foreign.markup_basis_points,
        }),
    })
}

/// Finds who was paid, and where: the terminal may have been moved to another store since.
fn payee<'r>(terms: &Terms, register: &'r Register) -> Option<(&'r Store, &'r Merchant)> {
    let place = register.place(&terms.terminal);
    if let Some(place) =
        place.filter(|p| p.store.id == terms.store && p.merchant.id == terms.merchant)
    {
        return Some((&place.store, &place.merchant));
    }
    let store = register.stores().find(|store| store.id == terms.store)?;
    let merchant = register.merchants().find(|merchant| merchant.id == terms.merchant)?;
    Some((store, merchant))
}

fn approval(view: &PaymentView) -> Option<Approval> {
    Some(Approval { number: view.approval?, reference: view.reference? })
}

/// The state as it is told. What went back of a converted price may be all of it on one side of the
/// exchange and not on the other, by rounding: each side is told by its own sums.
fn state(view: &PaymentView, (refunded, captured): (Amount, Amount)) -> wire::PaymentState {
    match view.state {
        PaymentState::Pending => wire::PaymentState::Pending,
        PaymentState::Authorised => wire::PaymentState::Authorised,
        PaymentState::Captured => wire::PaymentState::Captured,
        PaymentState::Reversed => wire::PaymentState::Reversed,
        PaymentState::Refunded if refunded < captured => wire::PaymentState::PartlyRefunded,
        PaymentState::Refunded => wire::PaymentState::Refunded,
        PaymentState::Declined => wire::PaymentState::Declined,
        PaymentState::Cancelled => wire::PaymentState::Cancelled,
        PaymentState::Expired => wire::PaymentState::Expired,
    }
}

#[cfg(test)]
mod tests {
    use kessai_engine::terms::basket::Rounding;
    use kessai_engine::terms::{ApprovalNumber, Currency, Reason, Stage};
    use kessai_engine::{
        Disclosure, Limits, Merchant, PaymentState, PaymentView, Register, RegisterChange,
        Standing, Store, Terminal, TerminalKind,
    };
    use kessai_wire as wire;

    use crate::testing::{terms, view};

    fn store(id: &str) -> RegisterChange {
        RegisterChange::Store(Store {
            id: id.parse().unwrap(),
            merchant: "MERCHANT1".parse().unwrap(),
            name: kessai_engine::terms::StoreName::new(id).unwrap(),
            currency: Currency::JPY,
            rounding: Rounding::Down,
            standing: Standing::Active,
        })
    }

    fn pos1_in(store: &str) -> RegisterChange {
        RegisterChange::Terminal(Terminal {
            id: "POS1".parse().unwrap(),
            store: store.parse().unwrap(),
            kind: TerminalKind::PointOfSale,
            pin: None,
            standing: Standing::Active,
            limits: Limits::default(),
        })
    }

    fn register() -> Register {
        let mut register = Register::default();
        let merchant = RegisterChange::Merchant(Merchant {
            id: "MERCHANT1".parse().unwrap(),
            name: kessai_engine::terms::MerchantName::new("Suzuki").unwrap(),
            invoice_number: None,
        });
        for change in [merchant, store("STORE1"), store("STORE2"), pos1_in("STORE1")] {
            register.apply(&change).unwrap();
        }
        register
    }

    fn ended(state: PaymentState, reason: Reason) -> PaymentView {
        PaymentView { reason: Some(reason), ..view(terms(1, "POS1", 1), state) }
    }

    #[test]
    fn a_terminal_sees_of_each_decline_only_that_it_is_not_honoured() {
        let declines = Reason::ALL.iter().filter(|reason| {
            matches!(reason.stage(), Stage::Decline | Stage::Collation)
                || **reason == Reason::CurrencyNotAccepted
        });
        let told: Vec<_> = declines
            .map(|reason| {
                super::terminal(&ended(PaymentState::Declined, *reason), Disclosure::Nothing)
            })
            .collect();
        assert!(told.len() > 10, "{}", told.len());
        for payment in &told {
            assert_eq!(payment.reason, Some(Reason::NotHonoured));
            assert_eq!(payment, &told[0], "one decline is like any other");
        }
    }

    #[test]
    fn the_customer_is_told_the_true_reason() {
        let view = ended(PaymentState::Declined, Reason::InsufficientFunds);
        let notice = super::customer(&view, &register()).unwrap();
        assert_eq!(notice.reason, Reason::InsufficientFunds);
        assert_eq!(notice.state, wire::PaymentState::Declined);
        assert_eq!(notice.store_name.as_str(), "STORE1");
        assert_eq!(notice.merchant_name.as_str(), "Suzuki");
    }

    #[test]
    fn a_notice_names_the_store_where_it_was_paid_wherever_the_terminal_stands_now() {
        let mut register = register();
        register.apply(&pos1_in("STORE2")).unwrap();
        let view = ended(PaymentState::Captured, Reason::Approved);
        assert_eq!(super::customer(&view, &register).unwrap().store_name.as_str(), "STORE1");
    }

    #[test]
    fn each_side_is_told_by_its_own_sums_whether_all_has_gone_back() {
        let yen = |minor| kessai_engine::terms::Amount::new(minor).unwrap();
        // 323 of 324 yen, which come to all of 210 cents.
        let view = PaymentView {
            captured: yen(210),
            captured_price: yen(324),
            refunded: yen(210),
            refunded_price: yen(323),
            ..ended(PaymentState::Refunded, Reason::Approved)
        };
        let told = super::terminal(&view, Disclosure::Nothing);
        assert_eq!(told.state, wire::PaymentState::PartlyRefunded);
        let notice = super::customer(&view, &register()).unwrap();
        assert_eq!(notice.state, wire::PaymentState::Refunded);
    }

    #[test]
    fn there_is_nothing_to_tell_a_customer_before_there_is_a_notice() {
        let pending = PaymentView { notice: 0, ..view(terms(1, "POS1", 1), PaymentState::Pending) };
        assert_eq!(super::customer(&pending, &register()), None);
        let overtaken = PaymentView {
            terms: None,
            ..ended(PaymentState::Cancelled, Reason::CancelledByTerminal)
        };
        assert_eq!(super::customer(&overtaken, &register()), None);
    }

    #[test]
    fn a_pending_payment_says_until_when_and_an_ended_one_since_when() {
        let pending =
            super::terminal(&view(terms(1, "POS1", 1), PaymentState::Pending), Disclosure::Nothing);
        assert!(pending.expires_at_ms.is_some() && pending.ended_at_ms.is_none());
        assert_eq!((pending.reason, pending.business_date), (None, None));
        let approved = PaymentView {
            approval: Some(ApprovalNumber::wrapping(7)),
            reference: Some(kessai_engine::terms::Reference::wrapping(8)),
            ..ended(PaymentState::Captured, Reason::Approved)
        };
        let captured = super::terminal(&approved, Disclosure::Nothing);
        assert!(captured.expires_at_ms.is_none() && captured.ended_at_ms.is_some());
        assert!(captured.approval.is_some());
        // Half an approval is none.
        let half =
            super::terminal(&PaymentView { reference: None, ..approved }, Disclosure::Nothing);
        assert_eq!(half.approval, None);
    }
}
