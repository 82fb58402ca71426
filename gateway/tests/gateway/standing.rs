//! How payments stand, asked later: by terminals after a restart, by handsets that were away, by a
//! till that closes its day.

use std::time::Duration;

use kessai_client::terms::{Currency, Reason};
use kessai_client::wire::{
    Delivery, PaymentState, Purchase, ReverseCause, Tally, TerminalKind, limits::MAX_RECENT,
};

use crate::support::owner::{asking, patient, refund, refusal};
use crate::support::{NOBODY, RICH, Shop, bounded, purchase, yen};

#[tokio::test]
async fn every_end_is_told_alike_after_a_restart() {
    let shop = Shop::start_with(|settings| {
        patient(settings);
        settings.payments.prompt = Duration::from_millis(250);
    })
    .await;
    let (till, machine) = (shop.till(0).await, shop.till(2).await);
    let expired = bounded(till.pay(shop.rich(&till, 10))).await.unwrap();
    assert_eq!(expired.state, PaymentState::Expired);
    let shop = shop.restart_with(|s| s.payments.prompt = Duration::from_secs(60)).await;
    let mut rich = shop.owner(0).await;
    assert_eq!(rich.told().await.reason, Reason::ExpiredUnseen);
    let mut ids = vec![(expired.payment, PaymentState::Expired)];
    let declined = bounded(till.pay(purchase(till.payment_id(), NOBODY, 10))).await.unwrap();
    ids.push((declined.payment, PaymentState::Declined));
    for (price, refunded, state) in [
        (100, 0, PaymentState::Captured),
        (200, 150, PaymentState::PartlyRefunded),
        (300, 300, PaymentState::Refunded),
        (400, 0, PaymentState::Reversed),
    ] {
        let paid = rich.pays(&till, shop.rich(&till, price)).await.payment;
        if refunded > 0 {
            bounded(till.refund(refund(&till, paid, refunded))).await.unwrap();
            rich.told().await;
        }
        if state == PaymentState::Reversed {
            bounded(till.reverse(paid, ReverseCause::OnRequest)).await.unwrap();
            rich.told().await;
        }
        ids.push((paid, state));
    }
    let cancelled = till.payment_id();
    bounded(till.cancel(cancelled)).await.unwrap();
    ids.push((cancelled, PaymentState::Cancelled));
    let bought = Purchase {
        capture: kessai_client::wire::Capture::OnDelivery,
        ..purchase(machine.payment_id(), RICH, 50)
    };
    let authorised = rich.pays(&machine, bought).await;
    let waiting = asking(&till, shop.rich(&till, 60));
    let pending = rich.asked().await;
    ids.push((pending.payment(), PaymentState::Pending));

    let mut before = Vec::new();
    for (payment, state) in &ids {
        let told = bounded(till.status(*payment)).await.unwrap();
        assert_eq!(told.state, *state);
        before.push(told);
    }
    let shop = shop.restart().await;
    for told in before {
        let again = bounded(till.status(told.payment)).await.unwrap();
        assert_eq!(again.without_receipt(), told.without_receipt());
    }
    let again = bounded(machine.status(authorised.payment)).await.unwrap();
    assert_eq!(again.without_receipt(), authorised.without_receipt());
    let other = shop.till(1).await;
    for (payment, _) in &ids {
        assert_eq!(refusal(other.status(*payment).await), Reason::PaymentUnknown, "not its own");
    }
    // What was under way goes on.
    rich.approves(&pending).await;
    assert_eq!(bounded(waiting).await.unwrap().unwrap().state, PaymentState::Captured);
    let done = bounded(machine.deliver(authorised.payment, Delivery::All)).await.unwrap();
    assert_eq!(done.state, PaymentState::Captured);
    shop.check_books(100 + 50 + 50 + 60);
}

#[tokio::test]
async fn a_handset_that_was_away_is_asked_for_all_that_is_open() {
    let shop = Shop::start_with(|settings| {
        patient(settings);
        settings.payments.open_per_customer = 3;
    })
    .await;
    let till = shop.till(0).await;
    let waiting: Vec<_> =
        [100, 200, 300].map(|price| asking(&till, shop.rich(&till, price))).into();
    bounded(async {
        while shop.engine().open_payments() < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let shop = shop.restart().await;
    let mut rich = shop.owner(0).await;
    let open = [rich.asked().await, rich.asked().await, rich.asked().await];
    let mut total = 0;
    for question in &open {
        total += question.confirmation.total().amount.minor();
        rich.approves(question).await;
    }
    assert_eq!(total, 600);
    for end in waiting {
        assert_eq!(bounded(end).await.unwrap().unwrap().state, PaymentState::Captured);
    }
    shop.check_books(600);
}

#[tokio::test]
async fn a_handset_lists_the_latest_payments_with_their_ends() {
    let shop = Shop::start_with(patient).await;
    let (till, mut rich) = (shop.till(0).await, shop.owner(0).await);
    assert_eq!(bounded(rich.phone.recent()).await.unwrap(), []);
    let mut paid = Vec::new();
    for price in 1..=18 {
        paid.push(rich.pays(&till, shop.rich(&till, price)).await.payment);
    }
    let listed = bounded(rich.phone.recent()).await.unwrap();
    assert_eq!(listed.len(), MAX_RECENT);
    let prices: Vec<_> = listed.iter().map(|notice| notice.captured.minor()).collect();
    assert_eq!(prices, (3..=18).rev().collect::<Vec<_>>());
    // One that has gone on since comes first, and once; what waits is not among them.
    bounded(till.refund(refund(&till, paid[4], 2))).await.unwrap();
    rich.told().await;
    let _waiting = asking(&till, shop.rich(&till, 99));
    rich.asked().await;
    let shop = shop.restart().await;
    let listed = bounded(rich.phone.recent()).await.unwrap();
    assert_eq!((listed[0].payment, listed[0].state), (paid[4], PaymentState::PartlyRefunded));
    assert_eq!(listed.iter().filter(|notice| notice.payment == paid[4]).count(), 1);
    assert_eq!(listed[1].payment, paid[17]);
    assert_eq!(listed.len(), MAX_RECENT);
    // The other handset has the same list, another customer none of it.
    let other = shop.owner(1).await;
    assert_eq!(bounded(other.phone.recent()).await.unwrap(), listed);
    assert_eq!(bounded(shop.owner(2).await.phone.recent()).await.unwrap(), []);
}

#[tokio::test]
async fn a_till_adds_up_its_day_as_the_processor_does() {
    let shop = Shop::start_with(patient).await;
    let (till, other, mut rich) = (shop.till(0).await, shop.till(1).await, shop.owner(0).await);
    let empty = bounded(till.totals(None)).await.unwrap();
    assert_eq!(empty.currencies, []);
    let first = rich.pays(&till, shop.rich(&till, 100)).await.payment;
    let second = rich.pays(&till, shop.rich(&till, 200)).await.payment;
    rich.pays(&till, shop.rich(&till, 400)).await;
    bounded(till.reverse(first, ReverseCause::OnRequest)).await.unwrap();
    rich.told().await;
    // Given back at the other till: it is that one's.
    for price in [50, 60] {
        bounded(other.refund(refund(&other, second, price))).await.unwrap();
        rich.told().await;
    }
    bounded(till.refund(refund(&till, second, 1))).await.unwrap();
    rich.told().await;
    bounded(till.pay(purchase(till.payment_id(), NOBODY, 10))).await.unwrap();

    let tally = |count, minor| Tally { count, amount: yen(minor) };
    let check = async |shop: &Shop| {
        let totals = bounded(till.totals(None)).await.unwrap();
        let [own] = totals.currencies.as_slice() else { panic!("{totals:?}") };
        assert_eq!(own.currency, Currency::JPY);
        assert_eq!(own.captured, tally(3, 700));
        assert_eq!(own.reversed, tally(1, 100));
        assert_eq!(own.refunded, tally(1, 1));
        assert_eq!(bounded(till.totals(Some(totals.business_date))).await.unwrap(), totals);
        let theirs = bounded(other.totals(None)).await.unwrap();
        let [theirs] = theirs.currencies.as_slice() else { panic!("{theirs:?}") };
        assert_eq!((theirs.captured.count, theirs.refunded), (0, tally(2, 110)));
        shop.check_books(700 - 100 - 111);
        assert_eq!(refusal(till.totals(Some(20_260_231)).await), Reason::Malformed);
        assert_eq!(bounded(till.totals(Some(19_990_101))).await.unwrap().currencies, []);
    };
    check(&shop).await;
    check(&shop.restart().await).await;
}

#[tokio::test]
async fn a_terminal_learns_what_a_receipt_names() {
    let shop = Shop::start().await;
    let (till, machine) = (shop.till(0).await, shop.till(2).await);
    let facts = bounded(till.facts()).await.unwrap();
    assert_eq!((facts.merchant_name.as_str(), facts.store_name.as_str()), ("鈴木商店", "上野店"));
    assert_eq!((facts.currency, facts.kind), (Currency::JPY, TerminalKind::PointOfSale));
    assert_eq!((facts.invoice_number, facts.utc_offset_minutes), (None, 540));
    assert_eq!(bounded(machine.facts()).await.unwrap().kind, TerminalKind::Vending);
    // As the register stands now.
    let place = shop.engine().register().place(&"POS1".parse().unwrap()).cloned().unwrap();
    let invoice_number = Some("T7123456789012".parse().unwrap());
    let merchant = kessai_engine::Merchant { invoice_number, ..(*place.merchant).clone() };
    shop.registers(kessai_engine::RegisterChange::Merchant(merchant)).await;
    assert_eq!(bounded(till.facts()).await.unwrap().invoice_number, invoice_number);
}
