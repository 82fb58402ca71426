//! Store controllers: the terminals of one merchant over one connection.

use bytes::{Bytes, BytesMut};
use kessai_client::terms::{PaymentId, Reason};
use kessai_client::wire::v1::{self, to_gateway::Body};
use kessai_client::wire::{Identity, PaymentState, frame};
use kessai_client::{Controller, PeerFile};
use kessai_gateway::Gateway;

use crate::newcomers::{ELSEWHERE, activate, connector, controller, enrol_station, enter_others};
use crate::support::raw::{Raw, Setup, reason};
use crate::support::{POOR, RICH, Shop, asked, bounded, options, purchase};

async fn enrolled(shop: &Shop) -> PeerFile {
    enter_others(shop);
    let folder = tempfile::tempdir().unwrap();
    enrol_station(&activate(shop, controller()), folder.path()).await.unwrap()
}

#[tokio::test]
async fn a_controller_pays_at_two_terminals_over_one_connection() {
    let shop = Shop::start().await;
    let file = enrolled(&shop).await;
    let connecting =
        Controller::connect(connector(&file).await, "CTL1".parse().unwrap(), options());
    let controller = bounded(connecting).await.unwrap();
    let till = |id: &str| controller.terminal(id.parse().unwrap());
    let (first, second) = (till("POS1"), till("POS2"));
    let (rich, mut of_rich) = shop.phone(0, 0).await;
    let (poor, mut of_poor) = shop.phone(2, 0).await;
    let dear = purchase(first.payment_id(), RICH, 500);
    let cheap = purchase(second.payment_id(), POOR, 50);
    let (theirs, payment) = (second.clone(), dear.payment);
    let (paid, cancelled, ()) = bounded(async {
        tokio::join!(first.pay(dear), second.pay(cheap), async {
            // Both are open, so neither holds up the other.
            let question = asked(&mut of_poor).await;
            rich.approve(&asked(&mut of_rich).await, shop.secrets(0)).await.unwrap();
            poor.refuse(question.confirmation.payment).await.unwrap();
        })
    })
    .await;
    assert_eq!(paid.unwrap().state, PaymentState::Captured);
    assert_eq!(cancelled.unwrap().state, PaymentState::Cancelled);
    shop.check_books(500);
    // The payment of one is none of the other's, though both come the same way.
    let refused = bounded(theirs.status(payment)).await.unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::PaymentUnknown));
}

#[tokio::test]
async fn a_controller_does_not_speak_for_the_terminals_of_another_merchant() {
    let shop = Shop::start().await;
    let file = enrolled(&shop).await;
    let connecting =
        Controller::connect(connector(&file).await, "CTL1".parse().unwrap(), options());
    let controller = bounded(connecting).await.unwrap();
    let before = shop.engine().state_hash();
    for (terminal, expected) in
        [(ELSEWHERE, Reason::IdentityNotOfKey), ("POS404", Reason::TerminalUnknown)]
    {
        let terminal = controller.terminal(terminal.parse().unwrap());
        let payment = terminal.payment_id();
        let paying = bounded(terminal.pay(purchase(payment, RICH, 500))).await;
        assert_eq!(paying.unwrap_err().reason(), Some(expected));
        for refused in [
            bounded(terminal.cancel(payment)).await,
            bounded(terminal.status(payment)).await,
            bounded(terminal.reverse(payment, kessai_client::wire::ReverseCause::OnRequest)).await,
        ] {
            assert_eq!(refused.unwrap_err().reason(), Some(expected));
        }
    }
    assert_eq!(shop.engine().state_hash(), before);
}

#[tokio::test]
async fn a_controller_is_neither_a_handset_nor_a_hub() {
    let shop = Shop::start().await;
    let file = enrolled(&shop).await;
    let phone = shop.people.phones[0].id;
    let mut raw = raw_controller(&shop.gateway, &file).await;
    let attach = Body::Attach(v1::Attach { seen: 0, hub_proof: Bytes::new() });
    let mut request = raw.request(attach);
    request.from = Some(v1::Identity::from(Identity::Handset(phone)));
    raw.send(&request).await;
    let answer = raw.next().await.body.unwrap();
    assert_eq!(reason(&answer), Reason::RoleNotPermitted);
}

/// Everybody begins with a window of 64 KiB; who speaks for many is given more before Welcome.
#[tokio::test]
async fn a_controllers_window_is_widened_once_it_is_known() {
    let shop = Shop::start().await;
    let file = enrolled(&shop).await;
    let raw = raw_controller(&shop.gateway, &file).await;
    let (address, key) = (shop.gateway.local_addr(), &shop.people.tills[0]);
    let till = Raw::greeted(Setup::of(key), address, None).await;
    let widened = |raw: &Raw| raw.connection.stats().frame_rx.max_data;
    assert_eq!((widened(&raw), widened(&till)), (1, 0));
}

/// As many requests as Welcome permits, in one go: each is answered, and nobody is called slow.
#[tokio::test]
async fn a_controller_may_have_thousands_of_requests_unanswered() {
    const MANY: u64 = 4_096;
    let most = u32::try_from(MANY).unwrap();
    let shop =
        Shop::start_with(|settings| settings.payments.status_per_terminal_per_minute = most).await;
    let file = enrolled(&shop).await;
    let mut raw = raw_controller(&shop.gateway, &file).await;
    let payment = PaymentId::from_parts(shop.gateway.now_ms(), [1; 10]);
    let mut bytes = BytesMut::new();
    for _ in 0..MANY {
        let payment_id = Bytes::copy_from_slice(payment.as_bytes());
        let mut request = raw.request(Body::Status(v1::Status { payment_id }));
        let terminal = Identity::Terminal("POS1".parse().unwrap());
        request.from = Some(v1::Identity::from(terminal));
        frame::encode(&request, &mut bytes).unwrap();
    }
    raw.send_bytes(&bytes).await;
    for _ in 0..MANY {
        let answer = raw.next().await.body.unwrap();
        assert_eq!(reason(&answer), Reason::PaymentUnknown);
    }
}

async fn raw_controller(gateway: &Gateway, file: &PeerFile) -> Raw {
    let from = Some(Identity::Controller("CTL1".parse().unwrap()));
    Raw::greeted(Setup::of(file.key()), gateway.local_addr(), from).await
}
