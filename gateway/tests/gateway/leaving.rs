//! Payments that have left the memory: whatever is asked about them is answered as before.

use std::time::Duration;

use kessai_client::Terminal;
use kessai_client::terms::{PaymentId, Reason};
use kessai_client::wire::{
    Capture, Delivery, Payment, PaymentState, Purchase, Refund, ReverseCause,
};
use kessai_engine::Engine;
use kessai_gateway::Settings;

use crate::support::owner::{Owner, refund, refusal};
use crate::support::{NOBODY, POOR, RICH, Shop, bounded, check_books, purchase, yen};

/// A shop whose payments leave the memory a second after their end.
async fn forgetful() -> Shop {
    Shop::start_with(forget).await
}

fn forget(settings: &mut Settings) {
    settings.payments.memory = Duration::from_secs(1);
}

/// Waits until payments have left the memory.
async fn left(engine: &Engine, payments: &[PaymentId]) {
    bounded(async {
        while !payments.iter().all(|payment| engine.is_archived(payment)) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(payments.iter().all(|payment| engine.payment(payment).is_none()));
}

async fn status(till: &Terminal, payment: PaymentId) -> Payment {
    bare(&bounded(till.status(payment)).await.unwrap())
}

/// An answer without the receipt of the record that it depends on: that is the answer's own. A
/// status tells no refund apart.
fn bare(payment: &Payment) -> Payment {
    Payment { receipt: None, refund: None, ..*payment }
}

/// A payment as it was asked for, and how it ended.
struct Ended {
    asked: Purchase,
    told: Payment,
}

/// Payments of every end that leaves a trace: captured, refunded in part, delivered, declined for
/// want of funds, declined for want of a customer, and called off before they opened.
async fn ended(shop: &Shop, rich: &mut Owner) -> Vec<Ended> {
    let (till, machine) = (shop.till(0).await, shop.till(2).await);
    let mut all = Vec::new();
    for price in [700, 900] {
        let asked = shop.rich(&till, price);
        let told = rich.pays(&till, asked.clone()).await;
        all.push(Ended { asked, told });
    }
    let back = refund(&till, all[1].told.payment, 400);
    all[1].told = bounded(till.refund(back)).await.unwrap();
    rich.told().await;
    let mut asked = shop.rich(&machine, 300);
    asked.capture = Capture::OnDelivery;
    rich.pays(&machine, asked.clone()).await;
    let told = bounded(machine.deliver(asked.payment, Delivery::All)).await.unwrap();
    rich.told().await;
    all.push(Ended { asked, told });
    for customer in [POOR, NOBODY] {
        let asked = purchase(till.payment_id(), customer, 101);
        let told = bounded(till.pay(asked.clone())).await.unwrap();
        all.push(Ended { asked, told });
    }
    let asked = shop.rich(&till, 100);
    let told = bounded(till.cancel(asked.payment)).await.unwrap();
    all.push(Ended { asked, told });
    all
}

fn ids(all: &[Ended]) -> Vec<PaymentId> {
    all.iter().map(|ended| ended.told.payment).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_is_told_as_before() {
    let shop = forgetful().await;
    let mut rich = shop.owner(0).await;
    let (till, other) = (shop.till(0).await, shop.till(1).await);
    let all = ended(&shop, &mut rich).await;
    let recent = bounded(rich.phone.recent()).await.unwrap();
    assert_eq!(recent.len(), 3);
    let hash = shop.engine().state_hash();
    left(shop.engine(), &ids(&all)).await;
    assert_eq!(shop.engine().state_hash(), hash, "the proof counts those who have left");

    for (number, Ended { asked, told }) in all.iter().enumerate() {
        let own = if number == 2 { shop.till(2).await } else { till.clone() };
        let before = bare(told);
        assert_eq!(status(&own, told.payment).await, before);
        assert_eq!(bare(&bounded(own.cancel(told.payment)).await.unwrap()), before);
        assert_eq!(bare(&bounded(own.pay(asked.clone())).await.unwrap()), before);
        let mut otherwise = asked.clone();
        otherwise.lines[0].quantity += 1;
        otherwise.claimed_total = otherwise.claimed_total.checked_mul(2).unwrap();
        if told.price.is_some() {
            assert_eq!(refusal(bounded(own.pay(otherwise)).await), Reason::PaymentIdReused);
        }
        assert_eq!(refusal(bounded(other.status(told.payment)).await), Reason::PaymentUnknown);
    }
    assert_eq!(bounded(rich.phone.recent()).await.unwrap(), recent);
    let notice = bounded(rich.phone.refuse(all[0].told.payment)).await.unwrap();
    assert_eq!(notice, recent[2]);
    let never = PaymentId::from_parts(shop.gateway.now_ms() - 60_000, [7; 10]);
    let old = purchase(never, RICH, 100);
    assert_eq!(refusal(bounded(till.pay(old)).await), Reason::PaymentIdTooOld);
    assert_eq!(refusal(bounded(till.status(never)).await), Reason::PaymentUnknown);
    shop.check_books(700 + 900 - 400 + 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_them_brings_them_back() {
    let shop = forgetful().await;
    let mut rich = shop.owner(0).await;
    let (till, machine) = (shop.till(0).await, shop.till(2).await);
    let all = ended(&shop, &mut rich).await;
    left(shop.engine(), &ids(&all)).await;

    let first = refund(&till, all[0].told.payment, 200);
    let given = bounded(till.refund(first)).await.unwrap();
    assert_eq!((given.state, given.refunded), (PaymentState::PartlyRefunded, yen(200)));
    assert_eq!(rich.told().await.refunded, yen(200));
    let second = refund(&till, all[1].told.payment, 500);
    assert_eq!(bounded(till.refund(second)).await.unwrap().refunded, yen(900));
    let over = refund(&till, all[1].told.payment, 1);
    assert_eq!(refusal(bounded(till.refund(over)).await), Reason::AmountAboveCapture);
    let reversed = bounded(machine.reverse(all[2].told.payment, ReverseCause::OnRequest)).await;
    assert_eq!(reversed.unwrap().state, PaymentState::Reversed);
    for done in &all[3..] {
        let reversed = bounded(till.reverse(done.told.payment, ReverseCause::OnRequest)).await;
        assert_eq!(bare(&reversed.unwrap()), bare(&done.told));
    }
    shop.check_books(700 - 200);

    // Twice gone, and still not to be done twice: neither under the same ids nor under that of
    // another's.
    left(shop.engine(), &ids(&all)).await;
    let again = bounded(till.refund(first)).await.unwrap();
    assert_eq!((bare(&again), again.refund), (bare(&given), given.refund));
    let taken = refund_of(&all[0], first.refund, 100);
    assert_eq!(refusal(bounded(till.refund(taken)).await), Reason::PaymentIdReused);
    let taken = refund_of(&all[0], all[1].told.payment, 100);
    assert_eq!(refusal(bounded(till.refund(taken)).await), Reason::PaymentIdReused);
    shop.check_books(700 - 200);
}

fn refund_of(of: &Ended, refund: PaymentId, price: u64) -> Refund {
    Refund { refund, payment: of.told.payment, amount: yen(price) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_from_a_snapshot_knows_the_same() {
    let shop = Shop::start_with(|settings| {
        forget(settings);
        settings.journal.snapshot = Duration::from_millis(300);
    })
    .await;
    let mut rich = shop.owner(0).await;
    let all = ended(&shop, &mut rich).await;
    left(shop.engine(), &ids(&all)).await;
    let snapshots = shop.settings.data.join("snapshots");
    bounded(async {
        while std::fs::read_dir(&snapshots).is_ok_and(|found| found.count() == 0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let hash = shop.engine().state_hash();
    let floor_ms = shop.engine().memory_floor_ms();
    let shop = shop.restart().await;
    assert_eq!(shop.engine().state_hash(), hash);
    assert!(shop.engine().memory_floor_ms() > 0 && floor_ms > 0);
    let till = shop.till(0).await;
    for done in all.iter().enumerate().filter(|(number, _)| *number != 2).map(|(_, done)| done) {
        let before = bare(&done.told);
        assert_eq!(status(&till, done.told.payment).await, before);
        assert_eq!(bare(&bounded(till.pay(done.asked.clone())).await.unwrap()), before);
    }
    shop.check_books(700 + 900 - 400 + 300);
}

/// However short its lives are, a gateway does not replay ever more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_replayed_many_records_makes_a_snapshot_at_once() {
    let shop = Shop::start_with(|settings| {
        settings.journal.snapshot = Duration::from_secs(3_600);
        settings.journal.snapshot_records = 200;
    })
    .await;
    let mut rich = shop.owner(0).await;
    ended(&shop, &mut rich).await;
    let snapshots = shop.settings.data.join("snapshots");
    let count = || std::fs::read_dir(&snapshots).map_or(0, Iterator::count);
    let shop = shop.restart().await;
    assert_eq!(count(), 0, "there was no reason for one");
    bounded(async {
        while count() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(shop);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_go_on_without_an_archive_and_nothing_is_forgotten() {
    let shop = forgetful().await;
    let mut rich = shop.owner(0).await;
    let all = ended(&shop, &mut rich).await;
    left(shop.engine(), &ids(&all)).await;
    let archive = shop.settings.data.join("archive/archive");
    let shop = shop.restart_with(|_| std::fs::write(&archive, b"damaged").unwrap()).await;
    // All that was replayed is in memory again, and stays there.
    let till = shop.till(0).await;
    assert_eq!(status(&till, all[0].told.payment).await, bare(&all[0].told));
    let paid = rich.pays(&till, shop.rich(&till, 100)).await;
    assert_eq!(paid.state, PaymentState::Captured);
    check_books(shop.engine(), 700 + 900 - 400 + 300 + 100);
}
