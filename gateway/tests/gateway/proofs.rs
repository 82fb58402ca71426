//! Proofs as attackers make them.

use bytes::Bytes;
use kessai_client::terms::collation::{
    AuthMessage, ChannelBinding, HandsetNonce, ServerNonce, content_digest, prove,
};
use kessai_client::terms::{PaymentId, Reason};
use kessai_client::wire::Confirmation;
use kessai_client::wire::v1::{self, to_gateway::Body, to_peer};

use crate::support::raw::{Raw, reason};
use crate::support::{POOR, Phone, RICH, Shop, bounded, purchase};

/// What came of a proof.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Approved,
    TryAgain,
    Stale,
    Ended,
    Refused(Reason),
}

fn came(answer: to_peer::Body) -> Came {
    use v1::proof_result::Result::{Collated, Stale};
    match answer {
        to_peer::Body::ProofResult(v1::ProofResult { result: Some(result), .. }) => match result {
            Stale(_) => Came::Stale,
            Collated(collated) if collated.outcome == 1 => Came::Approved,
            Collated(collated) if collated.notice.is_none() => Came::TryAgain,
            Collated(_) => Came::Ended,
        },
        to_peer::Body::Notice(_) => Came::Ended,
        refusal => Came::Refused(reason(&refusal)),
    }
}

/// A handset of the attacker's making, with a prompt open.
struct Attack {
    raw: Raw,
    payment: PaymentId,
    content: Bytes,
    nonce: ServerNonce,
}

const HN: HandsetNonce = HandsetNonce([4; 32]);

/// Connects a phone. It must be there before its payment is opened: one that comes at that very
/// moment may be asked twice, and only the later prompt counts.
async fn attached(shop: &Shop, phone: &Phone) -> Raw {
    let mut raw = Raw::phone(&phone.key, shop.gateway.local_addr(), phone.id).await;
    raw.attach().await;
    raw
}

impl Attack {
    /// Takes the next prompt of an attached phone.
    async fn on(mut raw: Raw) -> Self {
        let prompt = raw.prompt().await;
        let payment = Confirmation::decode(&prompt.content).unwrap().payment;
        let nonce = nonce(&prompt.server_nonce);
        Self { raw, payment, content: prompt.content, nonce }
    }

    /// The right proof, over these parts.
    fn proof(&self, phone: &Phone, content: &[u8], channel: ChannelBinding) -> v1::Prove {
        let auth = AuthMessage::new(content_digest(content), channel, self.nonce, HN);
        let keys = phone.secrets.device_keys();
        let proof = prove(&phone.secrets.client_key(), &keys.stored, &auth);
        v1::Prove {
            payment_id: Bytes::copy_from_slice(self.payment.as_bytes()),
            server_nonce: Bytes::copy_from_slice(&self.nonce.0),
            handset_nonce: Bytes::copy_from_slice(&HN.0),
            proof: Bytes::copy_from_slice(&proof.0),
            hub_tag: Bytes::new(),
            shown_ago_ms: None,
        }
    }

    fn right(&self, phone: &Phone) -> v1::Prove {
        self.proof(phone, &self.content, self.raw.channel())
    }

    /// Sends a proof; a new nonce in the answer is the next one's.
    async fn prove(&mut self, prove: v1::Prove) -> Came {
        use v1::proof_result::Result::{Collated, Stale};
        let answer = self.raw.ask(Body::Prove(prove)).await;
        if let to_peer::Body::ProofResult(v1::ProofResult { result: Some(result), .. }) = &answer {
            let next = match result {
                Stale(stale) => &stale.server_nonce,
                Collated(collated) => &collated.server_nonce,
            };
            if !next.is_empty() {
                self.nonce = nonce(next);
            }
        }
        came(answer)
    }
}

fn nonce(bytes: &[u8]) -> ServerNonce {
    ServerNonce(bytes.try_into().unwrap())
}

fn flipped(bytes: &Bytes, bit: usize) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes.into()
}

/// A shop where wrong proofs have no consequence but their count.
async fn patient_shop() -> Shop {
    Shop::start_with(|settings| {
        settings.payments.tries = u8::MAX;
        settings.payments.tries_in_row = u8::MAX;
    })
    .await
}

/// Opens a payment without waiting for its end.
async fn open(shop: &Shop, customer: &str, price: u64) -> Raw {
    let mut till = Raw::till(&shop.people.tills[0], shop.gateway.local_addr(), "POS1").await;
    let mut random = [0; 10];
    random[8..].copy_from_slice(&u16::try_from(price).unwrap().to_be_bytes());
    let payment = PaymentId::from_parts(shop.gateway.now_ms(), random);
    let call = kessai_client::wire::Call {
        request: kessai_client::wire::RequestId::FIRST,
        route: Bytes::new(),
        body: kessai_client::wire::Request::Terminal(
            "POS1".parse().unwrap(),
            kessai_client::wire::TerminalRequest::Open(purchase(payment, customer, price)),
        ),
    };
    let request = till.request(v1::ToGateway::from(&call).body.unwrap());
    till.send(&request).await;
    till
}

#[tokio::test]
async fn a_proof_changed_in_any_single_bit_is_refused_and_counted() {
    let shop = patient_shop().await;
    let phone = &shop.people.phones[0];
    let raw = attached(&shop, phone).await;
    let mut till = open(&shop, RICH, 500).await;
    let mut attack = Attack::on(raw).await;
    // Every bit of the proof would exceed the count of wrong ones in a row.
    for bit in (0..256).step_by(5) {
        let before = shop.engine().state_hash();
        let right = attack.right(phone);
        let changed = v1::Prove { proof: flipped(&right.proof, bit), ..right };
        assert_eq!(attack.prove(changed).await, Came::TryAgain, "bit {bit}");
        assert_ne!(shop.engine().state_hash(), before, "the count is part of the state");
    }
    for bit in (0..256).step_by(17) {
        let right = attack.right(phone);
        let changed = v1::Prove { handset_nonce: flipped(&right.handset_nonce, bit), ..right };
        assert_eq!(attack.prove(changed).await, Came::TryAgain, "bit {bit} of the handset's nonce");
    }
    assert_eq!(shop.customer(RICH).balance.minor(), 10_000);
    let right = attack.right(phone);
    assert_eq!(attack.prove(right).await, Came::Approved, "all the others were wrong");
    assert!(matches!(till.next().await.body, Some(to_peer::Body::Payment(_))));
}

#[tokio::test]
async fn a_content_changed_in_any_single_bit_is_refused() {
    let shop = patient_shop().await;
    let phone = &shop.people.phones[0];
    let raw = attached(&shop, phone).await;
    let _till = open(&shop, RICH, 500).await;
    let mut attack = Attack::on(raw).await;
    for bit in (0..attack.content.len() * 8).step_by(31) {
        let other = flipped(&attack.content, bit);
        let proof = attack.proof(phone, &other, attack.raw.channel());
        assert_eq!(attack.prove(proof).await, Came::TryAgain, "bit {bit}");
    }
    assert_eq!(shop.customer(RICH).balance.minor(), 10_000);
    shop.engine().each_payment(|view| assert_eq!(view.captured.minor(), 0));
}

/// What the handset was shown by somebody in the middle: another total over the same payment.
#[tokio::test]
async fn a_proof_for_a_content_that_somebody_swapped_is_refused() {
    let shop = patient_shop().await;
    let phone = &shop.people.phones[0];
    let raw = attached(&shop, phone).await;
    let _till = open(&shop, RICH, 5_000).await;
    let mut attack = Attack::on(raw).await;
    let shown = Confirmation::decode(&attack.content).unwrap();
    let line = kessai_client::terms::Line {
        unit_price: crate::support::yen(50),
        ..shown.basket.lines()[0].clone()
    };
    let rounding = shown.basket.rounding();
    let cheap = kessai_client::terms::Basket::check(vec![line], rounding, crate::support::yen(50));
    let swapped = Confirmation { basket: cheap.unwrap(), ..shown }.encode();
    let proof = attack.proof(phone, &swapped, attack.raw.channel());
    assert_eq!(attack.prove(proof).await, Came::TryAgain);
    assert_eq!(shop.customer(RICH).balance.minor(), 10_000);
}

#[tokio::test]
async fn a_proof_made_for_another_connection_is_refused() {
    let shop = patient_shop().await;
    let (own, other) = (&shop.people.phones[0], &shop.people.phones[1]);
    let (raw, elsewhere) = (attached(&shop, own).await, attached(&shop, other).await);
    let _till = open(&shop, RICH, 500).await;
    let (mut attack, elsewhere) = (Attack::on(raw).await, Attack::on(elsewhere).await);
    // The nonce of this connection, the channel of another: as somebody in the middle gets it.
    let proof = attack.proof(own, &attack.content, elsewhere.raw.channel());
    assert_eq!(attack.prove(proof).await, Came::TryAgain);

    // A right proof, carried from the connection it was made on to a newer one: not even counted.
    let carried = attack.right(own);
    let mut newer = Attack::on(attached(&shop, own).await).await;
    let before = shop.engine().state_hash();
    assert_eq!(newer.prove(carried).await, Came::Stale);
    assert_eq!(shop.engine().state_hash(), before);
    assert_eq!(shop.customer(RICH).wrong_in_row, 1);
    let right = newer.right(own);
    assert_eq!(newer.prove(right).await, Came::Approved);
}

#[tokio::test]
async fn a_proof_works_once() {
    let shop = patient_shop().await;
    let phone = &shop.people.phones[0];
    let raw = attached(&shop, phone).await;
    let _till = open(&shop, RICH, 500).await;
    let mut attack = Attack::on(raw).await;
    let wrong = v1::Prove { proof: vec![0; 32].into(), ..attack.right(phone) };
    assert_eq!(attack.prove(wrong.clone()).await, Came::TryAgain);
    let before = shop.engine().state_hash();
    assert_eq!(attack.prove(wrong).await, Came::Stale, "its nonce is used up");
    assert_eq!(shop.engine().state_hash(), before);
    let right = attack.right(phone);
    assert_eq!(attack.prove(right.clone()).await, Came::Approved);
    let paid = shop.engine().state_hash();
    assert_eq!(attack.prove(right.clone()).await, Came::Ended, "told again, not paid again");
    assert_eq!(shop.engine().state_hash(), paid);

    // The same proof for the next payment: its nonce and content are others.
    let _till = open(&shop, RICH, 501).await;
    let next = attack.raw.prompt().await;
    let payment = Confirmation::decode(&next.content).unwrap().payment;
    let before = shop.engine().state_hash();
    let replayed =
        v1::Prove { payment_id: Bytes::copy_from_slice(payment.as_bytes()), ..right.clone() };
    assert_eq!(attack.prove(replayed).await, Came::Stale);
    assert_eq!(shop.engine().state_hash(), before);
    // With the new nonce, but made for the old payment.
    let renewed =
        v1::Prove { payment_id: Bytes::copy_from_slice(payment.as_bytes()), ..attack.right(phone) };
    assert_eq!(attack.prove(renewed).await, Came::TryAgain);
    assert_eq!(shop.customer(RICH).balance.minor(), 9_500);
}

#[tokio::test]
async fn a_proof_for_the_payment_of_somebody_else_is_refused_without_a_trace() {
    let shop = patient_shop().await;
    let (rich, poor) = (&shop.people.phones[0], &shop.people.phones[2]);
    let (raw, theirs) = (attached(&shop, rich).await, attached(&shop, poor).await);
    let _first = open(&shop, RICH, 90).await;
    let _second = open(&shop, POOR, 91).await;
    let (mut attack, theirs) = (Attack::on(raw).await, Attack::on(theirs).await);
    let before = shop.engine().state_hash();
    let right = attack.right(rich);
    let aimed = |payment: PaymentId| v1::Prove {
        payment_id: Bytes::copy_from_slice(payment.as_bytes()),
        ..right.clone()
    };
    let unknown = PaymentId::from_parts(shop.gateway.now_ms(), [99; 10]);
    for payment in [theirs.payment, unknown] {
        let came = attack.prove(aimed(payment)).await;
        assert_eq!(came, Came::Refused(Reason::ProofRefused), "alike, whether it exists or not");
        let refuse = v1::Refuse { payment_id: Bytes::copy_from_slice(payment.as_bytes()) };
        let refused = attack.raw.refusal(Body::Refuse(refuse)).await;
        assert_eq!(refused, Reason::PaymentUnknown);
    }
    assert_eq!(shop.engine().state_hash(), before);
    assert_eq!(attack.prove(right).await, Came::Approved, "its own is untouched");
}

#[tokio::test]
async fn parts_of_a_wrong_length_are_refused_without_a_trace() {
    let shop = patient_shop().await;
    let phone = &shop.people.phones[0];
    let raw = attached(&shop, phone).await;
    let _till = open(&shop, RICH, 500).await;
    let mut attack = Attack::on(raw).await;
    let before = shop.engine().state_hash();
    let right = attack.right(phone);
    let longer = |bytes: &Bytes| Bytes::from([bytes, &[0][..]].concat());
    for (changed, expected) in [
        (v1::Prove { proof: right.proof.slice(..31), ..right.clone() }, Reason::Malformed),
        (v1::Prove { proof: Bytes::new(), ..right.clone() }, Reason::Malformed),
        (v1::Prove { proof: longer(&right.proof), ..right.clone() }, Reason::Malformed),
        (
            v1::Prove { server_nonce: right.server_nonce.slice(1..), ..right.clone() },
            Reason::Malformed,
        ),
        (
            v1::Prove { handset_nonce: right.handset_nonce.slice(1..), ..right.clone() },
            Reason::Malformed,
        ),
        (
            v1::Prove { payment_id: right.payment_id.slice(1..), ..right.clone() },
            Reason::PaymentIdInvalid,
        ),
        (v1::Prove { hub_tag: vec![0; 32].into(), ..right.clone() }, Reason::Malformed),
    ] {
        assert_eq!(attack.prove(changed).await, Came::Refused(expected));
    }
    assert_eq!(shop.engine().state_hash(), before);
    for bit in (0..256).step_by(11) {
        let right = attack.right(phone);
        let changed = v1::Prove { server_nonce: flipped(&right.server_nonce, bit), ..right };
        assert_eq!(attack.prove(changed).await, Came::Stale, "bit {bit}: not one of ours");
    }
    assert_eq!(shop.engine().state_hash(), before, "nothing was counted");
    let right = attack.right(phone);
    assert_eq!(attack.prove(right).await, Came::Approved);
    bounded(shop.gateway.stop()).await;
}
