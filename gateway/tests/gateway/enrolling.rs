//! From an activation string to a payment.

use std::path::Path;

use kessai_client::terms::Reason;
use kessai_client::wire::v1::{self, to_gateway::Body, to_peer};
use kessai_client::wire::{self, CloseCode, PaymentState};
use kessai_client::{
    Answered, ConnectError, EnrolError, Event, Events, HandsetFile, PeerFile, QuicOptions,
};

use crate::newcomers::{
    activate, connector, customer, enrol_phone, enrol_station, own_endpoint, password, terminal,
};
use crate::support::raw::{Raw, Setup, close_code, reason};
use crate::support::{RICH, Shop, asked, bounded, options, purchase, till};

fn is_refused<T>(result: &Result<T, EnrolError>) -> bool {
    matches!(result, Err(EnrolError::Refused(refusal)) if refusal.reason == Reason::EnrolmentRefused)
}

/// Enrols a handset of the rich customer in `folder`.
async fn enrolled(shop: &Shop, text: &str, folder: &Path) -> HandsetFile {
    enrol_phone(&activate(shop, customer(RICH)), text, folder).await.unwrap()
}

/// Connects as a handset that has kept its file.
async fn come(file: &HandsetFile) -> Result<(kessai_client::Handset, Events), ConnectError> {
    bounded(file.connect(own_endpoint(), &QuicOptions::default(), options())).await
}

/// Opens a payment of the rich customer at the first till, types each password in turn, and checks
/// whether it was the right one.
async fn pay_with(
    shop: &Shop,
    file: &HandsetFile,
    price: u64,
    answers: &[(&str, bool)],
) -> PaymentState {
    let till = shop.till(0).await;
    let (phone, mut events) = come(file).await.unwrap();
    let asking = purchase(till.payment_id(), RICH, price);
    let answering = async {
        let question = asked(&mut events).await;
        for &(text, is_right) in answers {
            let secrets = file.secrets(&password(text)).await;
            let answered = phone.approve(&question, &secrets).await.unwrap();
            assert_eq!(matches!(answered, Answered::Approved(_)), is_right, "{answered:?}");
        }
    };
    let (end, ()) = bounded(async { tokio::join!(till.pay(asking), answering) }).await;
    end.unwrap().state
}

#[tokio::test]
async fn a_handset_and_a_terminal_enrol_and_a_payment_is_approved() {
    let shop = Shop::start().await;
    let (of_phone, of_till) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    enrol_phone(&activate(&shop, customer(RICH)), "sakura-7", of_phone.path()).await.unwrap();
    enrol_station(&activate(&shop, terminal("POS1")), of_till.path()).await.unwrap();
    // What was kept is enough to come back with.
    let phone = HandsetFile::open(of_phone.path()).unwrap();
    let station = PeerFile::open(of_till.path()).unwrap();
    assert_eq!(shop.engine().devices(&phone.id().customer).len(), 3, "one more than before");

    let till = till("POS1", connector(&station).await).await;
    let (handset, mut events) = come(&phone).await.unwrap();
    let secrets = phone.secrets(&password("sakura-7")).await;
    let asking = purchase(till.payment_id(), RICH, 500);
    let (end, answered) = bounded(async {
        tokio::join!(till.pay(asking), async {
            handset.approve(&asked(&mut events).await, &secrets).await.unwrap()
        })
    })
    .await;
    assert_eq!(end.unwrap().state, PaymentState::Captured);
    assert!(matches!(answered, Answered::Approved(_)), "{answered:?}");
    shop.check_books(500);

    // The terminal's key before is out of use.
    let before = Setup::of(&shop.people.tills[0]).connect(shop.gateway.local_addr()).await.unwrap();
    assert_eq!(close_code(&before).await, CloseCode::NotEnrolled);
}

#[tokio::test]
async fn an_enrolment_outlives_a_restart() {
    let shop = Shop::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = enrolled(&shop, "sakura-7", folder.path()).await;
    let shop = shop.restart().await;
    assert_eq!(pay_with(&shop, &file, 500, &[("sakura-7", true)]).await, PaymentState::Captured);
}

#[tokio::test]
async fn a_changed_password_replaces_the_old_one_and_closes_its_connection() {
    let shop = Shop::start().await;
    let folder = tempfile::tempdir().unwrap();
    let first = enrolled(&shop, "sakura-7", folder.path()).await;
    let (_before, mut events) = come(&first).await.unwrap();

    let second = enrolled(&shop, "momiji-9", folder.path()).await;
    assert_eq!(second.id(), first.id(), "it is the same device");
    assert_eq!(shop.engine().devices(&first.id().customer).len(), 3);
    let closed = bounded(async {
        loop {
            match events.next().await.expect("it is told why it ends") {
                Event::Disconnected(why) => break why,
                Event::Connected => {}
                other => panic!("{other:?}"),
            }
        }
    });
    assert_eq!(closed.await, ConnectError::Closed(CloseCode::NotEnrolled));

    let answers = [("sakura-7", false), ("momiji-9", true)];
    assert_eq!(pay_with(&shop, &second, 500, &answers).await, PaymentState::Captured);
    let refused = come(&first).await.unwrap_err();
    assert_eq!(refused, ConnectError::Closed(CloseCode::NotEnrolled), "its key is out of use");
}

#[tokio::test]
async fn a_code_serves_once() {
    let shop = Shop::start().await;
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for subject in [customer(RICH), terminal("POS1")] {
        let activation = activate(&shop, subject);
        let before;
        let again = if subject == customer(RICH) {
            enrol_phone(&activation, "sakura-7", first.path()).await.unwrap();
            before = shop.engine().state_hash();
            is_refused(&enrol_phone(&activation, "sakura-7", second.path()).await)
        } else {
            enrol_station(&activation, first.path()).await.unwrap();
            before = shop.engine().state_hash();
            is_refused(&enrol_station(&activation, second.path()).await)
        };
        assert!(again, "{subject}");
        assert_eq!(shop.engine().state_hash(), before);
    }
    assert!(HandsetFile::open(second.path()).is_err(), "nothing is kept of a refused enrolment");
    assert!(PeerFile::open(second.path()).is_err());
}

#[tokio::test]
async fn an_enrolled_handset_is_refused_where_its_key_was_not() {
    let shop = Shop::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = enrolled(&shop, "sakura-7", folder.path()).await;
    // Its key speaks for its own device only, not for another of the same customer.
    let other = shop.people.phones[0].id;
    let setup = Setup::of(file.key());
    let from = Some(wire::Identity::Handset(file.id()));
    let mut raw = Raw::greeted(setup, shop.gateway.local_addr(), from).await;
    let attach = Body::Attach(v1::Attach { seen: 0, hub_proof: bytes::Bytes::new() });
    let mut request = raw.request(attach);
    request.from = Some(v1::Identity::from(wire::Identity::Handset(other)));
    raw.send(&request).await;
    let answer = raw.next().await.body.unwrap();
    assert!(matches!(answer, to_peer::Body::Refusal(_)));
    assert_eq!(reason(&answer), Reason::IdentityNotOfKey);
}
