//! Keys that are taken back: whoever has them is put out, and stays out.

use std::time::Duration;

use kessai_client::PeerKey;
use kessai_client::terms::collation::PeerName;
use kessai_client::wire::{CloseCode, Subject};
use kessai_engine::Station;
use tokio::time::timeout;

use crate::newcomers::{activate, controller, enrol_station, enter_others, hub};
use crate::support::Shop;
use crate::support::raw::{Raw, Setup, close_code};

/// How long it may take until nobody speaks with a key that was taken back.
const WITHIN: Duration = Duration::from_secs(5);

/// Checks that a live connection is put out in time, and that its key gets no other.
async fn is_put_out(shop: &Shop, raw: &Raw, key: &PeerKey) {
    let code = timeout(WITHIN, raw.close_code()).await.expect("it is put out in time");
    assert_eq!(code, CloseCode::NotEnrolled);
    let again = Setup::of(key).connect(shop.gateway.local_addr()).await.unwrap();
    assert_eq!(close_code(&again).await, CloseCode::NotEnrolled);
}

#[tokio::test]
async fn a_handset_that_is_revoked_is_put_out() {
    let shop = Shop::start().await;
    let address = shop.gateway.local_addr();
    let (phone, other) = (&shop.people.phones[0], &shop.people.phones[1]);
    let mut raw = Raw::phone(&phone.key, address, phone.id).await;
    raw.attach().await;
    let mut sibling = Raw::phone(&other.key, address, other.id).await;
    sibling.attach().await;
    let slot = shop.gateway.journal().reserve().unwrap();
    let (customer, device) = (phone.id.customer, phone.id.device);
    shop.engine().revoke_device(customer, device, shop.gateway.now_ms(), slot).unwrap();
    is_put_out(&shop, &raw, &phone.key).await;
    // It is the handset that is revoked, not its customer.
    sibling.attach().await;
}

#[tokio::test]
async fn a_station_that_is_revoked_is_put_out() {
    let shop = Shop::start().await;
    enter_others(&shop);
    let address = shop.gateway.local_addr();
    let revoke = |station| {
        let slot = shop.gateway.journal().reserve().unwrap();
        shop.engine().repin(station, None, shop.gateway.now_ms(), slot).unwrap();
    };
    let key = &shop.people.tills[0];
    let till = Raw::till(key, address, "POS1").await;
    let other = Raw::till(&shop.people.tills[1], address, "POS2").await;
    revoke(Station::Terminal("POS1".parse().unwrap()));
    is_put_out(&shop, &till, key).await;

    for subject in [controller(), hub()] {
        let folder = tempfile::tempdir().unwrap();
        let file = enrol_station(&activate(&shop, subject), folder.path()).await.unwrap();
        let Subject::Peer(peer) = subject else { panic!("{subject}") };
        let raw = Raw::greeted(Setup::of(file.key()), address, Some(peer.into())).await;
        revoke(match peer {
            PeerName::Terminal(id) => Station::Terminal(id),
            PeerName::Controller(id) => Station::Controller(id),
            PeerName::Hub(id) => Station::Hub(id),
        });
        is_put_out(&shop, &raw, file.key()).await;
    }
    assert!(other.connection.close_reason().is_none(), "nobody else is put out");
}

/// A terminal that was withdrawn may be enrolled again, with another string and another key.
#[tokio::test]
async fn a_station_that_was_revoked_may_be_enrolled_again() {
    let shop = Shop::start().await;
    let station = Station::Terminal("POS1".parse().unwrap());
    let slot = shop.gateway.journal().reserve().unwrap();
    shop.engine().repin(station, None, shop.gateway.now_ms(), slot).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let activation = activate(&shop, crate::newcomers::terminal("POS1"));
    let file = enrol_station(&activation, folder.path()).await.unwrap();
    Raw::till(file.key(), shop.gateway.local_addr(), "POS1").await;
}
