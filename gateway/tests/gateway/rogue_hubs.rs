//! Carrier hubs that do not keep to the rules: they can drop what they carry, and no more.

use bytes::Bytes;
use kessai_client::PeerFile;
use kessai_client::terms::collation::{
    AuthMessage, ChannelBinding, DeviceKey, GatewayNonce, HandsetNonce, Proof, ServerNonce,
    Signature, content_digest, hub_channel_binding, prove,
};
use kessai_client::terms::{PaymentId, Reason};
use kessai_client::wire::v1::{self, to_gateway::Body, to_peer};
use kessai_client::wire::{Confirmation, Identity};

use crate::newcomers::{activate, enrol_station, enter_others, hub};
use crate::support::raw::{Raw, Setup, reason};
use crate::support::{Phone, RICH, Shop, purchase};

const HN: HandsetNonce = HandsetNonce([4; 32]);

/// A hub of the attacker's making: it sees everything, and says what it likes.
struct Rogue {
    raw: Raw,
    nonce: GatewayNonce,
}

/// What a handset behind the hub was asked.
struct Asked {
    payment: PaymentId,
    content: Bytes,
    nonce: ServerNonce,
}

async fn enrolled(shop: &Shop) -> PeerFile {
    enter_others(shop);
    let folder = tempfile::tempdir().unwrap();
    enrol_station(&activate(shop, hub()), folder.path()).await.unwrap()
}

fn asked(prompt: &v1::Prompt) -> Asked {
    let payment = Confirmation::decode(&prompt.content).unwrap().payment;
    let nonce = ServerNonce(prompt.server_nonce[..].try_into().unwrap());
    Asked { payment, content: prompt.content.clone(), nonce }
}

/// A right answer of the handset to what it was asked, made for the connection `channel`.
fn answer(phone: &Phone, asked: &Asked, channel: ChannelBinding) -> (AuthMessage, v1::Prove) {
    let auth = AuthMessage::new(content_digest(&asked.content), channel, asked.nonce, HN);
    let keys = phone.secrets.device_keys();
    let proof = prove(&phone.secrets.client_key(), &keys.stored, &auth);
    let prove = prove_message(asked, &proof, &keys.device.vouch(&auth, &proof));
    (auth, prove)
}

fn prove_message(asked: &Asked, proof: &Proof, tag: &Signature) -> v1::Prove {
    v1::Prove {
        payment_id: Bytes::copy_from_slice(asked.payment.as_bytes()),
        server_nonce: Bytes::copy_from_slice(&asked.nonce.0),
        handset_nonce: Bytes::copy_from_slice(&HN.0),
        proof: Bytes::copy_from_slice(&proof.0),
        hub_tag: Bytes::copy_from_slice(&tag.0),
        shown_ago_ms: None,
    }
}

fn refuse(payment: PaymentId) -> Body {
    Body::Refuse(v1::Refuse { payment_id: Bytes::copy_from_slice(payment.as_bytes()) })
}

impl Rogue {
    async fn connect(shop: &Shop, file: &PeerFile) -> Self {
        let from = Some(Identity::Hub("HUB1".parse().unwrap()));
        let mut raw = Raw::silent(Setup::of(file.key()), shop.gateway.local_addr(), from).await;
        let hello = v1::Hello { versions: vec![1], software: "raw".into(), receipt: None };
        let to_peer::Body::Welcome(welcome) = raw.ask(Body::Hello(hello)).await else {
            panic!("no welcome")
        };
        let nonce = GatewayNonce(welcome.hub_nonce[..].try_into().unwrap());
        Self { raw, nonce }
    }

    /// Says `body` in the name of `phone`.
    async fn ask_as(&mut self, phone: &Phone, body: Body) -> to_peer::Body {
        let mut request = self.raw.request(body);
        request.from = Some(v1::Identity::from(Identity::Handset(phone.id)));
        let number = request.request;
        self.raw.send(&request).await;
        loop {
            let message = self.raw.next().await;
            if message.request == number {
                return message.body.unwrap();
            }
        }
    }

    async fn refusal(&mut self, phone: &Phone, body: Body) -> Reason {
        reason(&self.ask_as(phone, body).await)
    }

    /// How the handset attaches to this connection.
    fn attachment(&self, phone: &Phone) -> v1::Attach {
        let keys = phone.secrets.device_keys();
        let proof = keys.device.attach(&self.raw.channel(), &phone.id.device, &self.nonce);
        v1::Attach { seen: u64::MAX, hub_proof: Bytes::copy_from_slice(&proof.0) }
    }

    async fn attach(&mut self, phone: &Phone) {
        let attach = Body::Attach(self.attachment(phone));
        let answer = self.ask_as(phone, attach).await;
        assert!(matches!(answer, to_peer::Body::Attached(_)), "{answer:?}");
    }

    /// What stands for the connection in the handset's proofs.
    fn channel(&self, phone: &Phone) -> ChannelBinding {
        hub_channel_binding(&self.raw.channel(), &phone.id.device, &self.nonce)
    }

    async fn prompt(&mut self) -> Asked {
        asked(&self.raw.prompt().await)
    }
}

/// Opens a payment of the rich customer, and leaves it open.
async fn open(shop: &Shop) -> Raw {
    let mut till = Raw::till(&shop.people.tills[0], shop.gateway.local_addr(), "POS1").await;
    let payment = PaymentId::from_parts(shop.gateway.now_ms(), [5; 10]);
    let call = kessai_client::wire::Call {
        request: kessai_client::wire::RequestId::FIRST,
        route: Bytes::new(),
        body: kessai_client::wire::Request::Terminal(
            "POS1".parse().unwrap(),
            kessai_client::wire::TerminalRequest::Open(purchase(payment, RICH, 500)),
        ),
    };
    let request = till.request(v1::ToGateway::from(&call).body.unwrap());
    till.send(&request).await;
    till
}

#[tokio::test]
async fn a_hub_that_attaches_a_device_without_its_key_is_refused() {
    let shop = Shop::start().await;
    let file = enrolled(&shop).await;
    let (phone, other) = (&shop.people.phones[0], &shop.people.phones[2]);
    let mut rogue = Rogue::connect(&shop, &file).await;
    let elsewhere = Rogue::connect(&shop, &file).await;
    let before = shop.engine().state_hash();
    let right = rogue.attachment(phone);
    let key = DeviceKey::from_bytes([0; 32]);
    let guess = key.attach(&rogue.raw.channel(), &phone.id.device, &rogue.nonce);
    let nobody = Phone {
        id: kessai_client::wire::Handset { customer: "090-9999-9999".parse().unwrap(), ..phone.id },
        key: kessai_client::PeerKey::generate().unwrap(),
        secrets: crate::support::secrets_of(1),
    };
    for (of, hub_proof) in [
        (phone, Bytes::copy_from_slice(&guess.0)),
        (phone, vec![0; 32].into()),
        // Another device's; the right one of another connection; one of nobody.
        (phone, rogue.attachment(other).hub_proof),
        (other, right.hub_proof.clone()),
        (phone, elsewhere.attachment(phone).hub_proof),
        (&nobody, right.hub_proof.clone()),
    ] {
        let attach = Body::Attach(v1::Attach { seen: 0, hub_proof });
        assert_eq!(rogue.refusal(of, attach).await, Reason::ProofRefused, "all alike");
    }
    let bare = Body::Attach(v1::Attach { seen: 0, hub_proof: Bytes::new() });
    assert_eq!(rogue.refusal(phone, bare).await, Reason::Malformed);
    // Nobody has attached: the hub speaks for nobody.
    let unasked = Asked {
        payment: PaymentId::from_parts(shop.gateway.now_ms(), [6; 10]),
        content: Bytes::new(),
        nonce: ServerNonce([0; 32]),
    };
    let prove = prove_message(&unasked, &Proof([0; 32]), &Signature([0; 32]));
    assert_eq!(rogue.refusal(phone, Body::Prove(prove)).await, Reason::IdentityNotOfKey);
    assert_eq!(rogue.refusal(phone, refuse(unasked.payment)).await, Reason::IdentityNotOfKey);
    assert_eq!(shop.engine().state_hash(), before);
    rogue.attach(phone).await;
}

#[tokio::test]
async fn a_hub_that_forges_proofs_burns_no_tries() {
    let shop = Shop::start().await;
    let file = enrolled(&shop).await;
    let phone = &shop.people.phones[0];
    let mut rogue = Rogue::connect(&shop, &file).await;
    rogue.attach(phone).await;
    let _till = open(&shop).await;
    let asked = rogue.prompt().await;
    let channel = rogue.channel(phone);
    let (_, right) = answer(phone, &asked, channel);
    let guess = DeviceKey::from_bytes([0; 32]);
    let (auth, _) = answer(phone, &asked, channel);
    let made_up = Proof([0; 32]);
    let forged = prove_message(&asked, &made_up, &guess.vouch(&auth, &made_up));
    let flipped = |bytes: &Bytes| {
        let mut bytes = bytes.to_vec();
        bytes[7] ^= 1;
        Bytes::from(bytes)
    };
    // As the handset would prove on a connection of its own, and on another hub's.
    let (_, for_another) = answer(phone, &asked, rogue.raw.channel());
    let mistyped = Proof([1; 32]);
    let vouched = phone.secrets.device_keys().device.vouch(&auth, &mistyped);
    let wrong = prove_message(&asked, &mistyped, &vouched);
    let before = shop.engine().state_hash();
    // More often than a payment, and a customer, bears.
    for _ in 0..2 {
        for changed in [
            forged.clone(),
            for_another.clone(),
            v1::Prove { handset_nonce: flipped(&right.handset_nonce), ..right.clone() },
            v1::Prove { proof: flipped(&right.proof), ..right.clone() },
            v1::Prove { hub_tag: flipped(&right.hub_tag), ..wrong.clone() },
        ] {
            assert_eq!(rogue.refusal(phone, Body::Prove(changed)).await, Reason::ProofRefused);
        }
    }
    let bare = v1::Prove { hub_tag: Bytes::new(), ..right.clone() };
    assert_eq!(rogue.refusal(phone, Body::Prove(bare)).await, Reason::Malformed);
    assert_eq!(shop.engine().state_hash(), before, "nothing was counted");
    // The prompt is as good as it was: what the handset says in the end decides.
    let answer = rogue.ask_as(phone, Body::Prove(right)).await;
    let to_peer::Body::ProofResult(v1::ProofResult { result: Some(result), .. }) = answer else {
        panic!("{answer:?}")
    };
    let v1::proof_result::Result::Collated(collated) = result else { panic!("{result:?}") };
    assert_eq!(collated.outcome, 1, "approved");
    shop.check_books(500);
}

#[tokio::test]
async fn a_wrong_proof_that_the_handset_vouches_for_counts() {
    let shop = Shop::start().await;
    let file = enrolled(&shop).await;
    let phone = &shop.people.phones[0];
    let mut rogue = Rogue::connect(&shop, &file).await;
    rogue.attach(phone).await;
    let _till = open(&shop).await;
    let asked = rogue.prompt().await;
    let auth =
        AuthMessage::new(content_digest(&asked.content), rogue.channel(phone), asked.nonce, HN);
    let wrong = Proof([0; 32]);
    let vouched = phone.secrets.device_keys().device.vouch(&auth, &wrong);
    let wrong = prove_message(&asked, &wrong, &vouched);
    let came = rogue.ask_as(phone, Body::Prove(wrong.clone())).await;
    assert!(matches!(came, to_peer::Body::ProofResult(_)), "{came:?}");
    assert_eq!(shop.customer(RICH).wrong_in_row, 1);
    // Said again by the hub, it is stale: one attempt of the customer costs one try.
    let before = shop.engine().state_hash();
    let came = rogue.ask_as(phone, Body::Prove(wrong)).await;
    let to_peer::Body::ProofResult(v1::ProofResult { result: Some(result), .. }) = came else {
        panic!("{came:?}")
    };
    assert!(matches!(result, v1::proof_result::Result::Stale(_)), "{result:?}");
    assert_eq!(shop.engine().state_hash(), before);
}

#[tokio::test]
async fn a_handset_that_comes_itself_takes_over_from_its_hub_for_good() {
    let shop = Shop::start().await;
    let file = enrolled(&shop).await;
    let (phone, other) = (&shop.people.phones[0], &shop.people.phones[2]);
    let mut rogue = Rogue::connect(&shop, &file).await;
    rogue.attach(phone).await;
    rogue.attach(other).await;
    let _till = open(&shop).await;
    let asked_there = rogue.prompt().await;

    let mut direct = Raw::phone(&phone.key, shop.gateway.local_addr(), phone.id).await;
    direct.attach().await;
    let asked_here = asked(&direct.prompt().await);
    assert_eq!(asked_here.payment, asked_there.payment);
    assert_ne!(asked_here.nonce, asked_there.nonce);

    // What the hub has heard before is worth nothing now, not even its attachment.
    let before = shop.engine().state_hash();
    let channel = rogue.channel(phone);
    let (_, late) = answer(phone, &asked_there, channel);
    assert_eq!(rogue.refusal(phone, Body::Prove(late)).await, Reason::IdentityNotOfKey);
    let refused = rogue.refusal(phone, refuse(asked_there.payment)).await;
    assert_eq!(refused, Reason::IdentityNotOfKey);
    let heard = Body::Attach(rogue.attachment(phone));
    assert_eq!(rogue.refusal(phone, heard).await, Reason::Busy);
    assert_eq!(shop.engine().state_hash(), before);
    assert!(direct.connection.close_reason().is_none(), "it is not superseded by a repetition");
    // The hub's connection, and the others on it, are as they were.
    rogue.attach(other).await;

    let keys = phone.secrets.device_keys();
    let auth = AuthMessage::new(
        content_digest(&asked_here.content),
        direct.channel(),
        asked_here.nonce,
        HN,
    );
    let proof = prove(&phone.secrets.client_key(), &keys.stored, &auth);
    let prove = prove_message(&asked_here, &proof, &Signature([0; 32]));
    let came = direct.ask(Body::Prove(v1::Prove { hub_tag: Bytes::new(), ..prove })).await;
    assert!(matches!(came, to_peer::Body::ProofResult(_)), "{came:?}");
    shop.check_books(500);
}

/// The other way round: who attaches through a hub leaves its own connection.
#[tokio::test]
async fn a_handset_that_comes_through_a_hub_leaves_its_own_connection() {
    let shop = Shop::start().await;
    let file = enrolled(&shop).await;
    let phone = &shop.people.phones[0];
    let mut direct = Raw::phone(&phone.key, shop.gateway.local_addr(), phone.id).await;
    direct.attach().await;
    let mut rogue = Rogue::connect(&shop, &file).await;
    rogue.attach(phone).await;
    assert_eq!(direct.close_code().await, kessai_client::wire::CloseCode::Superseded);
    // It may attach again while it is there, as after a fault between it and the hub.
    rogue.attach(phone).await;
    let _till = open(&shop).await;
    rogue.prompt().await;
}

#[tokio::test]
async fn a_lost_hub_takes_its_handsets_with_it_and_they_are_asked_when_it_is_back() {
    let shop = Shop::start().await;
    let file = enrolled(&shop).await;
    let phone = &shop.people.phones[0];
    let mut rogue = Rogue::connect(&shop, &file).await;
    rogue.attach(phone).await;
    let _till = open(&shop).await;
    let first = rogue.prompt().await;
    let heard = rogue.attachment(phone);
    rogue.raw.connection.close(0_u32.into(), b"");

    let mut rogue = Rogue::connect(&shop, &file).await;
    // The handset has not come along: the hub cannot bring it.
    assert_eq!(rogue.refusal(phone, refuse(first.payment)).await, Reason::IdentityNotOfKey);
    assert_eq!(rogue.refusal(phone, Body::Attach(heard)).await, Reason::ProofRefused);
    rogue.attach(phone).await;
    let again = rogue.prompt().await;
    assert_eq!(again.payment, first.payment);
    assert_ne!(again.nonce, first.nonce);
    let channel = rogue.channel(phone);
    let (_, right) = answer(phone, &again, channel);
    let came = rogue.ask_as(phone, Body::Prove(right)).await;
    assert!(matches!(came, to_peer::Body::ProofResult(_)), "{came:?}");
    shop.check_books(500);
}

#[tokio::test]
async fn a_handset_that_is_revoked_is_not_carried_any_more() {
    let shop = Shop::start().await;
    let file = enrolled(&shop).await;
    let phone = &shop.people.phones[0];
    let mut rogue = Rogue::connect(&shop, &file).await;
    rogue.attach(phone).await;
    let _till = open(&shop).await;
    let asked = rogue.prompt().await;
    let slot = shop.gateway.journal().reserve().unwrap();
    let (customer, device) = (phone.id.customer, phone.id.device);
    shop.engine().revoke_device(customer, device, shop.gateway.now_ms(), slot).unwrap();
    let before = shop.engine().state_hash();
    let channel = rogue.channel(phone);
    let (_, right) = answer(phone, &asked, channel);
    assert_eq!(rogue.refusal(phone, Body::Prove(right)).await, Reason::IdentityNotOfKey);
    let refused = rogue.refusal(phone, refuse(asked.payment)).await;
    assert_eq!(refused, Reason::IdentityNotOfKey, "nor does it call payments off");
    let attach = Body::Attach(rogue.attachment(phone));
    assert_eq!(rogue.refusal(phone, attach).await, Reason::ProofRefused);
    assert_eq!(shop.engine().state_hash(), before);
}
