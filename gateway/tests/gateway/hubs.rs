//! Carrier hubs that keep to the rules: many handsets over one connection.

use std::sync::Arc;

use kessai_client::wire::PaymentState;
use kessai_client::{Answered, ConnectError, Event, Events, Handset, Hub, PeerFile};

use crate::newcomers::{activate, connector, enrol_station, enter_others, hub};
use crate::support::{POOR, RICH, Shop, asked, bounded, options, purchase, told, wrong_secrets};

pub async fn connected(shop: &Shop) -> (Hub, PeerFile) {
    enter_others(shop);
    let folder = tempfile::tempdir().unwrap();
    let file = enrol_station(&activate(shop, hub()), folder.path()).await.unwrap();
    let connecting = Hub::connect(connector(&file).await, "HUB1".parse().unwrap(), options());
    (bounded(connecting).await.unwrap(), file)
}

/// Connects a handset through the hub.
pub async fn carried(shop: &Shop, hub: &Hub, number: usize) -> (Handset, Events) {
    let phone = &shop.people.phones[number];
    let keys = phone.secrets.device_keys();
    let (server, device) = (keys.server.clone(), keys.device.clone());
    bounded(hub.handset(phone.id, server, device, 0, options())).await.unwrap()
}

#[tokio::test]
async fn a_hub_carries_handsets_over_one_connection() {
    let shop = Shop::start().await;
    let (hub, _file) = connected(&shop).await;
    let (rich, mut of_rich) = carried(&shop, &hub, 0).await;
    let (_other, mut of_other) = carried(&shop, &hub, 1).await;
    let (poor, mut of_poor) = carried(&shop, &hub, 2).await;
    let (first, second) = (shop.till(0).await, shop.till(1).await);
    let dear = purchase(first.payment_id(), RICH, 500);
    let cheap = purchase(second.payment_id(), POOR, 50);
    let (paid, cancelled, ()) = bounded(async {
        tokio::join!(first.pay(dear), second.pay(cheap), async {
            let question = asked(&mut of_rich).await;
            let theirs = asked(&mut of_poor).await;
            assert_eq!(asked(&mut of_other).await.digest, question.digest, "both are asked");
            let answered = rich.approve(&question, &wrong_secrets()).await.unwrap();
            assert!(matches!(answered, Answered::TryAgain { tries_left: 2 }), "{answered:?}");
            assert_eq!(shop.customer(RICH).wrong_in_row, 1, "it came from the handset: it counts");
            let answered = rich.approve(&question, shop.secrets(0)).await.unwrap();
            assert!(matches!(answered, Answered::Approved(_)), "{answered:?}");
            let end = poor.refuse(theirs.confirmation.payment).await.unwrap();
            assert_eq!(end.state, PaymentState::Cancelled);
        })
    })
    .await;
    assert_eq!(paid.unwrap().state, PaymentState::Captured);
    assert_eq!(cancelled.unwrap().state, PaymentState::Cancelled);
    let notice = told(&mut of_other).await;
    assert_eq!((notice.state, notice.price.amount.minor()), (PaymentState::Captured, 500));
    assert_eq!(rich.untrusted() + poor.untrusted(), 0);
    shop.check_books(500);
}

/// The customer types it wrong to the end: through a hub as without one.
#[tokio::test]
async fn wrong_passwords_through_a_hub_decline_at_the_last_try() {
    let shop = Shop::start().await;
    let (hub, _file) = connected(&shop).await;
    let (rich, mut events) = carried(&shop, &hub, 0).await;
    let till = shop.till(0).await;
    let asking = purchase(till.payment_id(), RICH, 500);
    let (end, ()) = bounded(async {
        tokio::join!(till.pay(asking), async {
            let question = asked(&mut events).await;
            for left in [2, 1] {
                let answered = rich.approve(&question, &wrong_secrets()).await.unwrap();
                let Answered::TryAgain { tries_left } = answered else { panic!("{answered:?}") };
                assert_eq!(tries_left, left);
            }
            let answered = rich.approve(&question, &wrong_secrets()).await.unwrap();
            assert!(matches!(answered, Answered::Declined(_)), "{answered:?}");
        })
    })
    .await;
    assert_eq!(end.unwrap().state, PaymentState::Declined);
    shop.check_books(0);
}

/// Waits until the handset's connection is lost and another stands.
async fn back(events: &mut Events) {
    let mut is_lost = false;
    loop {
        match bounded(events.next()).await.expect("the handset lives") {
            Event::Disconnected(_) => is_lost = true,
            Event::Connected if is_lost => return,
            Event::Connected => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn handsets_behind_a_hub_outlive_a_restart_of_the_gateway() {
    let shop = Shop::start().await;
    let (hub, _file) = connected(&shop).await;
    let (rich, mut events) = carried(&shop, &hub, 0).await;
    let till = Arc::new(shop.till(0).await);
    let asking = purchase(till.payment_id(), RICH, 500);
    let paying = tokio::spawn({
        let till = Arc::clone(&till);
        async move { till.pay(asking).await }
    });
    let question = asked(&mut events).await;
    let shop = shop.restart().await;
    back(&mut events).await;
    // The same question, under a nonce of the new connection.
    let answered = bounded(rich.approve(&question, shop.secrets(0))).await.unwrap();
    assert!(matches!(answered, Answered::Approved(_)), "{answered:?}");
    assert_eq!(bounded(paying).await.unwrap().unwrap().state, PaymentState::Captured);
    shop.check_books(500);
}

#[tokio::test]
async fn only_a_hub_is_taken_for_one() {
    let shop = Shop::start().await;
    enter_others(&shop);
    let folder = tempfile::tempdir().unwrap();
    let activation = activate(&shop, crate::newcomers::controller());
    let file = enrol_station(&activation, folder.path()).await.unwrap();
    let connecting = Hub::connect(connector(&file).await, "HUB1".parse().unwrap(), options());
    let refused = bounded(connecting).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Refused(_)), "{refused:?}");
}
