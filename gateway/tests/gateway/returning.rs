//! Peers that go and come back, and a gateway that does.

use kessai_client::Answered;
use kessai_client::terms::Reason;
use kessai_client::wire::PaymentState;

use crate::support::{RICH, Shop, asked, bounded, purchase, told, yen};

#[tokio::test]
async fn a_handset_that_was_away_is_asked_when_it_comes() {
    let shop = Shop::start().await;
    let till = shop.till(0).await;
    let asking = purchase(till.payment_id(), RICH, 500);
    let payment = asking.payment;
    let (end, answered) = bounded(async {
        tokio::join!(till.pay(asking), async {
            while till.status(payment).await.is_err() {}
            // The first one comes, is asked and goes; the prompt is not lost with it.
            let (phone, mut events) = shop.phone(0, 0).await;
            let first = asked(&mut events).await;
            drop((phone, events));
            let (phone, mut events) = shop.phone(0, 0).await;
            let question = asked(&mut events).await;
            assert_eq!(question.digest, first.digest);
            phone.approve(&question, shop.secrets(0)).await.unwrap()
        })
    })
    .await;
    assert_eq!(end.unwrap().state, PaymentState::Captured);
    assert!(matches!(answered, Answered::Approved(_)), "{answered:?}");
    shop.check_books(500);
}

#[tokio::test]
async fn notices_that_were_missed_are_told_and_those_seen_are_not() {
    let shop = Shop::start().await;
    let till = shop.till(0).await;
    for price in [10_001, 10_002] {
        bounded(till.pay(purchase(till.payment_id(), RICH, price))).await.unwrap();
    }
    let (phone, mut events) = shop.phone(0, 0).await;
    let notices = [told(&mut events).await, told(&mut events).await];
    assert_eq!(notices.each_ref().map(|notice| notice.number.get()), [1, 2]);
    assert_eq!(notices[1].price.amount, yen(10_002));
    assert_eq!(phone.seen(), 2);
    drop((phone, events));
    let (_phone, mut events) = shop.phone(0, 1).await;
    assert_eq!(told(&mut events).await, notices[1], "the second one only, and the same bytes");
    assert_eq!(notices[1].reason, Reason::InsufficientFunds);
}

/// The client sends again what was not answered: the pending payment goes on after the restart.
#[tokio::test]
async fn a_payment_survives_a_restart_of_the_gateway_between_prompt_and_answer() {
    let shop = Shop::start().await;
    let till = shop.till(0).await;
    let (phone, mut events) = shop.phone(0, 0).await;
    let paying = tokio::spawn({
        let till = till.clone();
        let asking = purchase(till.payment_id(), RICH, 500);
        async move { till.pay(asking).await }
    });
    let question = asked(&mut events).await;
    let before = shop.engine().state_hash();
    let shop = shop.restart().await;
    assert_eq!(shop.engine().state_hash(), before, "what was recovered is what there was");
    let answered = bounded(phone.approve(&question, shop.secrets(0))).await.unwrap();
    assert!(matches!(answered, Answered::Approved(_)), "{answered:?}");
    let end = bounded(paying).await.unwrap().unwrap();
    assert_eq!(end.state, PaymentState::Captured);
    let shop = shop.restart().await;
    let told = bounded(till.status(end.payment)).await.unwrap();
    assert_eq!(told.without_receipt(), end.without_receipt());
    assert_eq!(shop.customer(RICH).balance, yen(9_500));
    shop.check_books(500);
}

#[tokio::test]
async fn two_requests_on_two_connections_wait_for_one_end() {
    let shop = Shop::start().await;
    let (first, second) = (shop.till(0).await, shop.till(0).await);
    let (phone, mut events) = shop.phone(0, 0).await;
    let asking = purchase(first.payment_id(), RICH, 500);
    let (one, two, _) = bounded(async {
        tokio::join!(first.pay(asking.clone()), second.pay(asking), async {
            let question = asked(&mut events).await;
            phone.approve(&question, shop.secrets(0)).await.unwrap()
        })
    })
    .await;
    assert_eq!(one.unwrap(), two.unwrap());
    shop.check_books(500);
}
