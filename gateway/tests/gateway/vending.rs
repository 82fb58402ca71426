//! Machines: they are paid for what came out, once they have said so.

use std::time::Duration;

use kessai_client::Terminal;
use kessai_client::terms::{
    Amount, Gtin, Line, PaymentId, ProductName, Reason, Tax, basket::TaxRate,
};
use kessai_client::wire::{
    Capture, DeliveredLines, Delivery, Payment, PaymentState, Purchase, ReverseCause,
};

use crate::support::owner::{Owner, refund, refusal};
use crate::support::{RICH, Shop, bounded, purchase, yen};

/// Three at 100 less 30 in all, 8 per cent on top; two at 150, 10 per cent on top; one at 120, 10 per
/// cent in it: 270 + 21 + 300 + 30 + 120.
fn bought(payment: PaymentId) -> Purchase {
    let line = |price, quantity, discount, tax| Line {
        code: Gtin::complete("490177701868").unwrap(),
        name: ProductName::new("濃いお茶").unwrap(),
        unit_price: yen(price),
        quantity,
        discount: yen(discount),
        tax,
    };
    Purchase {
        lines: vec![
            line(100, 3, 30, Tax::Exclusive(TaxRate::JAPAN_REDUCED)),
            line(150, 2, 0, Tax::Exclusive(TaxRate::JAPAN_STANDARD)),
            line(120, 1, 0, Tax::Included(TaxRate::JAPAN_STANDARD)),
        ],
        claimed_total: yen(741),
        capture: Capture::OnDelivery,
        ..purchase(payment, RICH, 741)
    }
}

fn lines(pieces: &[(u32, u32)]) -> Delivery {
    Delivery::Lines(DeliveredLines::new(pieces.iter().copied()).unwrap())
}

/// Two of the first and one of the second: 180 + 14 + 150 + 15.
fn some() -> Delivery {
    lines(&[(0, 2), (1, 1)])
}

const SOME: u64 = 359;

async fn authorised(shop: &Shop) -> (Terminal, Owner, Payment) {
    let (machine, mut rich) = (shop.till(2).await, shop.owner(0).await);
    let authorised = rich.pays(&machine, bought(machine.payment_id())).await;
    assert_eq!((authorised.state, authorised.captured), (PaymentState::Authorised, Amount::ZERO));
    assert!(authorised.approval.is_some() && authorised.expires_at_ms.is_some());
    (machine, rich, authorised)
}

#[tokio::test]
async fn a_machine_that_jams_is_paid_for_what_came_out() {
    let shop = Shop::start().await;
    let (machine, mut rich, payment) = authorised(&shop).await;
    let id = payment.payment;
    for (wrong, reason) in [
        (lines(&[(3, 1)]), Reason::QuantityInvalid),
        (lines(&[(0, 4)]), Reason::QuantityInvalid),
        (lines(&[(0, 1), (1, 3)]), Reason::QuantityInvalid),
    ] {
        assert_eq!(refusal(machine.deliver(id, wrong).await), reason);
    }
    let end = bounded(machine.deliver(id, some())).await.unwrap();
    assert_eq!((end.state, end.captured), (PaymentState::Captured, yen(SOME)));
    assert_eq!(end.price.unwrap().amount, yen(741));
    assert_eq!(end.approval, payment.approval);
    let notice = rich.told().await;
    assert_eq!((notice.state, notice.captured), (PaymentState::Captured, yen(SOME)));
    assert_eq!(shop.balance(RICH), 10_000 - SOME, "the rest is released");
    shop.check_books(i128::from(SOME));

    // The same report again: over this line, another, and after a restart. Another one is refused.
    assert_eq!(bounded(machine.deliver(id, some())).await.unwrap(), end);
    let again = shop.till(2).await;
    assert_eq!(bounded(again.deliver(id, some())).await.unwrap(), end);
    let shop = shop.restart().await;
    let told = bounded(machine.deliver(id, some())).await.unwrap();
    assert_eq!(told.without_receipt(), end.without_receipt());
    for other in [Delivery::All, lines(&[(0, 1)]), lines(&[(0, 0)])] {
        assert_eq!(refusal(machine.deliver(id, other).await), Reason::StateForbids);
    }
    // Also when a part of it has been given back meanwhile.
    bounded(machine.refund(refund(&machine, id, 100))).await.unwrap();
    let refunded = bounded(machine.deliver(id, some())).await.unwrap();
    assert_eq!((refunded.state, refunded.captured), (PaymentState::PartlyRefunded, yen(SOME)));
    shop.check_books(i128::from(SOME) - 100);
}

#[tokio::test]
async fn a_machine_out_of_which_nothing_came_is_not_paid() {
    let shop = Shop::start().await;
    let (machine, mut rich, payment) = authorised(&shop).await;
    let nothing = lines(&[(0, 0), (2, 0)]);
    let end = bounded(machine.deliver(payment.payment, nothing.clone())).await.unwrap();
    assert_eq!((end.state, end.reason), (PaymentState::Reversed, Some(Reason::NotDispensed)));
    assert_eq!(rich.told().await.reason, Reason::NotDispensed);
    assert_eq!(shop.balance(RICH), 10_000);
    // It has lost the answer.
    assert_eq!(bounded(machine.deliver(payment.payment, nothing.clone())).await.unwrap(), end);
    let shop = shop.restart().await;
    let told = bounded(machine.deliver(payment.payment, nothing)).await.unwrap();
    assert_eq!(told.without_receipt(), end.without_receipt());
    for other in [Delivery::All, some()] {
        assert_eq!(refusal(machine.deliver(payment.payment, other).await), Reason::StateForbids);
    }
    shop.check_books(0);
}

#[tokio::test]
async fn a_machine_that_is_silent_is_not_paid_and_its_late_report_is_refused() {
    let shop = Shop::start_with(|s| s.payments.delivery = Duration::from_millis(150)).await;
    let (machine, mut rich, payment) = authorised(&shop).await;
    let notice = rich.told().await;
    assert_eq!((notice.state, notice.reason), (PaymentState::Reversed, Reason::NotDispensed));
    let end = bounded(machine.status(payment.payment)).await.unwrap();
    assert_eq!((end.state, end.reason), (PaymentState::Reversed, Some(Reason::NotDispensed)));
    for late in [Delivery::All, some()] {
        assert_eq!(refusal(machine.deliver(payment.payment, late).await), Reason::StateForbids);
    }
    assert_eq!(shop.balance(RICH), 10_000);
    // Nothing came out, it says: so it stands already.
    let nothing = bounded(machine.reverse(payment.payment, ReverseCause::NotDispensed)).await;
    assert_eq!(nothing.unwrap(), end);
    shop.check_books(0);
}

/// The gateway is away when the time for delivery is over.
#[tokio::test]
async fn a_deadline_that_passes_during_a_restart_reverses_after_it() {
    let shop = Shop::start_with(|s| s.payments.delivery = Duration::from_millis(400)).await;
    let (_machine, mut rich, _payment) = authorised(&shop).await;
    let shop = shop.restart().await;
    let reason = loop {
        if let kessai_client::Event::Told(notice) = bounded(rich.events.next()).await.unwrap() {
            break notice.reason;
        }
    };
    assert_eq!(reason, Reason::NotDispensed);
    shop.check_books(0);
}

#[tokio::test]
async fn a_machine_reports_after_a_restart_and_only_its_own() {
    let shop = Shop::start().await;
    let (machine, mut rich, payment) = authorised(&shop).await;
    let shop = shop.restart().await;
    let till = shop.till(0).await;
    for report in [Delivery::All, some()] {
        assert_eq!(refusal(till.deliver(payment.payment, report).await), Reason::PaymentUnknown);
    }
    let end = bounded(machine.deliver(payment.payment, some())).await.unwrap();
    assert_eq!(end.captured, yen(SOME));
    assert_eq!(rich.told().await.captured, yen(SOME));
    shop.check_books(i128::from(SOME));
}

/// Whatever comes first holds, and both are told it.
#[tokio::test]
async fn a_report_and_a_reversal_at_once_have_one_end() {
    let shop = Shop::start_with(crate::support::owner::patient).await;
    let (machine, other, mut rich) = (shop.till(2).await, shop.till(2).await, shop.owner(0).await);
    let mut owed = 0;
    for _ in 0..8 {
        let payment = rich.pays(&machine, bought(machine.payment_id())).await.payment;
        let (delivered, reversed) = bounded(async {
            tokio::join!(
                machine.deliver(payment, Delivery::All),
                other.reverse(payment, ReverseCause::NotDispensed)
            )
        })
        .await;
        // A delivered payment can be taken back, a reversed one not delivered.
        assert_eq!(reversed.unwrap().state, PaymentState::Reversed);
        let end = match delivered {
            Ok(captured) => {
                assert_eq!(captured.state, PaymentState::Captured);
                rich.told().await
            }
            refused => {
                assert_eq!(refusal(refused), Reason::StateForbids);
                rich.told().await
            }
        };
        if end.state == PaymentState::Captured {
            assert_eq!(rich.told().await.state, PaymentState::Reversed);
        }
        let stands = bounded(machine.status(payment)).await.unwrap();
        owed += i128::from(stands.captured.minor())
            * i128::from(stands.state == PaymentState::Captured);
    }
    assert_eq!(owed, 0);
    shop.check_books(0);
}
