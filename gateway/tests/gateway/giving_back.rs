//! Reversals and refunds: the shop gives back, once, what it took and no more.

use std::time::Duration;

use kessai_client::Terminal;
use kessai_client::terms::{PaymentId, Reason};
use kessai_client::wire::{Payment, PaymentState, ReverseCause};
use kessai_engine::Standing;

use crate::newcomers::{ELSEWHERE, activate, connector, enrol_station, enter_others, terminal};
use crate::support::owner::{Owner, asking, by_code, patient, refund, refusal};
use crate::support::{RICH, Shop, bounded, purchase, till, yen};

/// A payment of 700 yen at the first till, with its customer.
async fn paid(shop: &Shop) -> (Terminal, Owner, Payment) {
    let (till, mut rich) = (shop.till(0).await, shop.owner(0).await);
    let payment = rich.pays(&till, shop.rich(&till, 700)).await;
    assert_eq!(payment.state, PaymentState::Captured);
    (till, rich, payment)
}

/// Moves the gateway's business day on by two days, so that what was paid today was paid long ago.
async fn after_cut_off(shop: Shop) -> Shop {
    shop.restart_with(|settings| {
        settings.business_day.utc_offset_minutes += 1_440;
        settings.business_day.cut_off_minutes = 0;
    })
    .await
}

#[tokio::test]
async fn a_reversal_is_repeated_until_it_is_acknowledged_over_a_restart() {
    let shop = Shop::start().await;
    let (till, mut rich, payment) = paid(&shop).await;
    let address = shop.gateway.local_addr();
    bounded(shop.gateway.stop()).await;
    // Nobody answers: the terminal goes on asking.
    let reversing = tokio::spawn({
        let till = till.clone();
        async move { till.reverse_until_acknowledged(payment.payment, ReverseCause::OnRequest).await }
    });
    let keys = kessai_gateway::Keys::load(&shop.settings.keys).unwrap();
    let settings = kessai_gateway::Settings { listen: address, ..shop.settings.clone() };
    let entropy = kessai_gateway::entropy::SystemEntropy;
    let node = kessai_gateway::Node::open(&settings, &keys, &entropy).unwrap();
    let _gateway = bounded(async {
        loop {
            match kessai_gateway::Gateway::start(&node, &settings, &keys) {
                Ok(gateway) => break gateway,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    let reversed = bounded(reversing).await.unwrap().unwrap();
    assert_eq!((reversed.state, reversed.captured), (PaymentState::Reversed, yen(700)));
    assert_eq!(rich.told().await.reason, Reason::ReversedOnRequest);
    let again = bounded(till.reverse_until_acknowledged(payment.payment, ReverseCause::OnRequest));
    assert_eq!(again.await.unwrap(), reversed);
    crate::support::check_books(node.engine(), 0);
}

#[tokio::test]
async fn a_reversal_that_overtakes_its_open_leaves_the_code_unused() {
    let shop = Shop::start().await;
    let (till, mut rich) = (shop.till(0).await, shop.owner(0).await);
    let code = rich.code().await;
    let bought = by_code(shop.rich(&till, 700), code);
    let reversed = bounded(till.reverse(bought.payment, ReverseCause::OnRequest)).await.unwrap();
    assert_eq!((reversed.state, reversed.price), (PaymentState::Cancelled, None));
    assert_eq!(bounded(till.pay(bought)).await.unwrap(), reversed);
    let other = by_code(shop.rich(&till, 300), code);
    assert_eq!(rich.pays(&till, other).await.state, PaymentState::Captured);
    shop.check_books(300);
}

#[tokio::test]
async fn a_pending_payment_is_called_off_by_a_reversal() {
    let shop = Shop::start().await;
    let (till, mut rich) = (shop.till(0).await, shop.owner(0).await);
    let waiting = asking(&till, shop.rich(&till, 700));
    let payment = rich.asked().await.payment();
    let end = bounded(till.reverse(payment, ReverseCause::OnRequest)).await.unwrap();
    assert_eq!(
        (end.state, end.reason),
        (PaymentState::Cancelled, Some(Reason::CancelledByTerminal))
    );
    assert_eq!(bounded(waiting).await.unwrap().unwrap(), end);
    assert_eq!(rich.told().await.reason, Reason::CancelledByTerminal);
    shop.check_books(0);
}

#[tokio::test]
async fn after_the_cut_off_a_payment_is_refunded_and_not_reversed() {
    let shop = Shop::start().await;
    let (till, mut rich, payment) = paid(&shop).await;
    let shop = after_cut_off(shop).await;
    let id = payment.payment;
    let late = bounded(till.reverse_until_acknowledged(id, ReverseCause::OnRequest)).await;
    assert_eq!(refusal(late), Reason::StateForbids);
    let end = bounded(till.refund(refund(&till, id, 700))).await.unwrap();
    assert_eq!(end.state, PaymentState::Refunded);
    let on = end.refund.unwrap().business_date;
    assert!(on > payment.business_date.unwrap(), "it belongs to the day when it was made");
    assert_eq!(rich.told().await.refunded, yen(700));

    // The till's two days: what was taken on the one and given back on the other.
    let day = bounded(till.totals(payment.business_date)).await.unwrap();
    let [yens] = day.currencies.as_slice() else { panic!("{day:?}") };
    assert_eq!((yens.captured.count, yens.captured.amount), (1, yen(700)));
    assert_eq!((yens.refunded.count, yens.reversed.count), (0, 0));
    let today = bounded(till.totals(None)).await.unwrap();
    assert_eq!(today.business_date, on);
    let [yens] = today.currencies.as_slice() else { panic!("{today:?}") };
    assert_eq!((yens.captured.count, yens.refunded.count), (0, 1));
    assert_eq!(yens.refunded.amount, yen(700));
    shop.check_books(0);
}

#[tokio::test]
async fn a_payment_is_given_back_in_parts_and_never_beyond() {
    let shop = Shop::start().await;
    let (till, mut rich, payment) = paid(&shop).await;
    let id = payment.payment;
    let first = refund(&till, id, 200);
    let done = bounded(till.refund(first)).await.unwrap();
    assert_eq!((done.state, done.refunded), (PaymentState::PartlyRefunded, yen(200)));
    assert_eq!(done.refund.unwrap().refund, first.refund);
    let notice = rich.told().await;
    assert_eq!((notice.state, notice.refunded), (PaymentState::PartlyRefunded, yen(200)));
    assert_eq!(shop.balance(RICH), 9_500);

    let before = shop.engine().state_hash();
    assert_eq!(refusal(till.refund(refund(&till, id, 501)).await), Reason::AmountAboveCapture);
    assert_eq!(refusal(till.refund(refund(&till, id, 0)).await), Reason::AmountInvalid);
    // An id serves for one thing: this refund, or that payment.
    let more = kessai_client::wire::Refund { amount: yen(201), ..first };
    assert_eq!(refusal(till.refund(more).await), Reason::PaymentIdReused);
    let own = kessai_client::wire::Refund { refund: id, ..first };
    assert_eq!(refusal(till.refund(own).await), Reason::PaymentIdReused);
    let under_it = purchase(first.refund, RICH, 10);
    assert_eq!(refusal(till.pay(under_it).await), Reason::PaymentIdReused);
    assert_eq!(refusal(till.status(first.refund).await), Reason::PaymentUnknown);
    let reversal = till.reverse(id, ReverseCause::OnRequest).await;
    assert_eq!(refusal(reversal), Reason::StateForbids, "a part has gone back");
    assert_eq!(shop.engine().state_hash(), before);
    // The same refund again is the same refund.
    assert_eq!(bounded(till.refund(first)).await.unwrap(), done);

    let shop = shop.restart().await;
    let again = bounded(till.refund(first)).await.unwrap();
    assert_eq!(again.without_receipt(), done.without_receipt());
    let last = refund(&till, id, 500);
    let done = bounded(till.refund(last)).await.unwrap();
    assert_eq!((done.state, done.refunded), (PaymentState::Refunded, yen(700)));
    assert_eq!(rich.told().await.state, PaymentState::Refunded);
    assert_eq!(refusal(till.refund(refund(&till, id, 1)).await), Reason::AmountAboveCapture);
    // The first one, asked for again, tells how the payment stands now.
    let again = bounded(till.refund(first)).await.unwrap();
    assert_eq!((again.refund.unwrap().amount, again.refunded), (yen(200), yen(700)));
    assert_eq!(shop.balance(RICH), 10_000);
    shop.check_books(0);
}

#[tokio::test]
async fn of_two_refunds_at_once_from_two_terminals_one_is_made() {
    let shop = Shop::start_with(patient).await;
    let (till, mut rich, _) = paid(&shop).await;
    let other = shop.till(1).await;
    for _ in 0..10 {
        let id = rich.pays(&till, shop.rich(&till, 100)).await.payment;
        let (one, two) = bounded(async {
            tokio::join!(till.refund(refund(&till, id, 60)), other.refund(refund(&other, id, 60)))
        })
        .await;
        let (made, refused) = if one.is_ok() { (one, two) } else { (two, one) };
        assert_eq!(made.unwrap().refunded, yen(60));
        assert_eq!(refusal(refused), Reason::AmountAboveCapture);
        assert_eq!(rich.told().await.refunded, yen(60));
    }
    shop.check_books(700 + 10 * 40);
}

#[tokio::test]
async fn the_same_refund_twice_at_once_is_made_once() {
    let shop = Shop::start_with(patient).await;
    let (till, mut rich, payment) = paid(&shop).await;
    let other = shop.till(0).await;
    for _ in 0..10 {
        let wish = refund(&till, payment.payment, 10);
        let until = |till: Terminal| async move {
            loop {
                match till.refund(wish).await {
                    Err(kessai_client::CallError::Refused(busy)) if busy.reason == Reason::Busy => {
                    }
                    answer => break answer.unwrap(),
                }
            }
        };
        let (one, two) =
            bounded(async { tokio::join!(until(till.clone()), until(other.clone())) }).await;
        assert_eq!(one, two);
        rich.told().await;
    }
    shop.check_books(600);
}

#[tokio::test]
async fn only_the_merchants_own_terminals_give_back() {
    let shop = Shop::start().await;
    let (till, mut rich, payment) = paid(&shop).await;
    enter_others(&shop);
    let folder = tempfile::tempdir().unwrap();
    let file = enrol_station(&activate(&shop, terminal(ELSEWHERE)), folder.path()).await.unwrap();
    let stranger = self::till(ELSEWHERE, connector(&file).await).await;
    let before = shop.engine().state_hash();
    let wish = refund(&stranger, payment.payment, 100);
    let of_stranger = refusal(stranger.refund(wish).await);
    assert_eq!(of_stranger, Reason::PaymentUnknown);
    let unknown = PaymentId::from_parts(shop.gateway.now_ms(), [3; 10]);
    assert_eq!(refusal(stranger.refund(refund(&stranger, unknown, 100)).await), of_stranger);
    assert_eq!(shop.engine().state_hash(), before);
    // A frozen terminal gives nothing back, a suspended store's do; another terminal may, too.
    shop.changes_till(0, |till| till.standing = Standing::Frozen).await;
    let refused = till.refund(refund(&till, payment.payment, 100)).await;
    assert_eq!(refusal(refused), Reason::TerminalFrozen);
    let other = shop.till(1).await;
    let made = bounded(other.refund(refund(&other, payment.payment, 100))).await.unwrap();
    assert_eq!((made.refunded, made.captured), (yen(100), yen(700)));
    assert_eq!(rich.told().await.refunded, yen(100));
    shop.check_books(600);
}

#[tokio::test]
async fn what_was_not_captured_is_not_refunded() {
    let shop = Shop::start_with(|s| s.payments.prompt = Duration::from_millis(200)).await;
    let (till, mut rich) = (shop.till(0).await, shop.owner(0).await);
    let expired = bounded(till.pay(shop.rich(&till, 10))).await;
    let declined = bounded(till.pay(shop.rich(&till, 10_001))).await;
    let reversed = rich_pays_and_reverses(&shop, &till, &mut rich).await;
    for payment in [expired.unwrap().payment, declined.unwrap().payment, reversed] {
        let refused = till.refund(refund(&till, payment, 5)).await;
        assert_eq!(refusal(refused), Reason::StateForbids);
    }
    shop.check_books(0);
}

async fn rich_pays_and_reverses(shop: &Shop, till: &Terminal, rich: &mut Owner) -> PaymentId {
    // The prompt and the end of the expired one, and the declined one's.
    let mut paying = None;
    loop {
        match bounded(rich.events.next()).await.unwrap() {
            kessai_client::Event::Told(notice) if notice.reason == Reason::InsufficientFunds => {
                paying = Some(asking(till, shop.rich(till, 10)));
            }
            kessai_client::Event::Asked(question) if paying.is_some() => {
                rich.approves(&question).await;
                break;
            }
            _ => {}
        }
    }
    let payment = bounded(paying.unwrap()).await.unwrap().unwrap().payment;
    bounded(till.reverse(payment, ReverseCause::OnRequest)).await.unwrap();
    payment
}
