//! A proof, a signature or anything under them, changed in any single bit, is refused.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may panic")]

use kessai_terms::collation::{
    ActivationCode, AuthMessage, ChannelBinding, ClientKey, DeviceKey, DeviceKeys, Enrolment,
    GatewayNonce, HandsetNonce, HandsetSecrets, Outcome, Proof, Salt, ServerNonce, Signature,
    SpkiHash, content_digest, hub_channel_binding, prove,
};
use kessai_terms::{CustomerId, DeviceId};
use proptest::prelude::*;

/// Everything that a proof hangs on.
#[derive(Debug, Clone)]
struct Scene {
    content: Vec<u8>,
    channel_binding: [u8; 32],
    server_nonce: [u8; 32],
    handset_nonce: [u8; 32],
}

impl Scene {
    fn auth(&self) -> AuthMessage {
        AuthMessage::new(
            content_digest(&self.content),
            ChannelBinding(self.channel_binding),
            ServerNonce(self.server_nonce),
            HandsetNonce(self.handset_nonce),
        )
    }

    /// Calls `check` with each scene that differs from this one in one bit.
    fn each_bit_changed(&self, mut check: impl FnMut(&Self, &str)) {
        type Part = fn(&mut Scene) -> &mut [u8];
        let parts: [(&str, Part); 4] = [
            ("content", |scene| &mut scene.content),
            ("channel binding", |scene| &mut scene.channel_binding),
            ("server nonce", |scene| &mut scene.server_nonce),
            ("handset nonce", |scene| &mut scene.handset_nonce),
        ];
        for (name, part) in parts {
            let mut changed = self.clone();
            for bit in 0..part(&mut changed).len() * 8 {
                part(&mut changed)[bit / 8] ^= 1 << (bit % 8);
                check(&changed, &format!("{name}, bit {bit}"));
                part(&mut changed)[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}

fn scene() -> impl Strategy<Value = Scene> {
    let bytes = any::<[u8; 32]>;
    (prop::collection::vec(any::<u8>(), 1..200), bytes(), bytes(), bytes()).prop_map(
        |(content, channel_binding, server_nonce, handset_nonce)| Scene {
            content,
            channel_binding,
            server_nonce,
            handset_nonce,
        },
    )
}

fn each_bit_changed<const N: usize>(bytes: [u8; N]) -> impl Iterator<Item = [u8; N]> {
    (0..N * 8).map(move |bit| {
        let mut changed = bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    })
}

fn handset(seed: [u8; 32]) -> (ClientKey, DeviceKeys) {
    let secrets = HandsetSecrets::from_parts(seed, DeviceKey::from_bytes([0x5a; 32]));
    (secrets.client_key(), secrets.device_keys())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_proof_holds_for_exactly_its_own_payment(scene in scene(), seed: [u8; 32]) {
        let (client_key, keys) = handset(seed);
        let auth = scene.auth();
        let proof = prove(&client_key, &keys.stored, &auth);
        prop_assert!(keys.stored.verify(&auth, &proof));
        for changed in each_bit_changed(proof.0) {
            prop_assert!(!keys.stored.verify(&auth, &Proof(changed)));
        }
        scene.each_bit_changed(|changed, what| {
            assert!(!keys.stored.verify(&changed.auth(), &proof), "{what}");
        });
        for changed in each_bit_changed(seed) {
            let (_, others) = handset(changed);
            prop_assert!(!others.stored.verify(&auth, &proof));
        }
    }

    #[test]
    fn content_is_bound_by_its_length_too(scene in scene(), more: u8) {
        let (client_key, keys) = handset([7; 32]);
        let proof = prove(&client_key, &keys.stored, &scene.auth());
        let mut longer = scene.clone();
        longer.content.push(more);
        prop_assert!(!keys.stored.verify(&longer.auth(), &proof));
        let mut shorter = scene;
        shorter.content.pop();
        prop_assert!(!keys.stored.verify(&shorter.auth(), &proof));
    }

    #[test]
    fn an_outcome_cannot_be_turned(scene in scene(), seed: [u8; 32]) {
        let (_, keys) = handset(seed);
        let auth = scene.auth();
        let signature = keys.server.sign_outcome(&auth, Outcome::Refused);
        prop_assert!(keys.server.verify_outcome(&auth, Outcome::Refused, &signature));
        prop_assert!(!keys.server.verify_outcome(&auth, Outcome::Approved, &signature));
        for changed in each_bit_changed(signature.0) {
            let changed = Signature(changed);
            prop_assert!(!keys.server.verify_outcome(&auth, Outcome::Refused, &changed));
        }
        scene.each_bit_changed(|changed, what| {
            let auth = changed.auth();
            assert!(!keys.server.verify_outcome(&auth, Outcome::Refused, &signature), "{what}");
        });
    }

    #[test]
    fn a_notice_holds_for_its_own_content(content: [u8; 24], notice: [u8; 24], seed: [u8; 32]) {
        let (_, keys) = handset(seed);
        let digest = content_digest(&content);
        let signature = keys.server.sign_notice(&digest, &notice);
        prop_assert!(keys.server.verify_notice(&digest, &notice, &signature));
        for changed in each_bit_changed(notice) {
            prop_assert!(!keys.server.verify_notice(&digest, &changed, &signature));
        }
        for changed in each_bit_changed(content) {
            let digest = content_digest(&changed);
            prop_assert!(!keys.server.verify_notice(&digest, &notice, &signature));
        }
        prop_assert!(!keys.server.verify_notice(&digest, &notice[..23], &signature));
    }

    #[test]
    fn a_hub_cannot_attach_or_tag(scene in scene(), device: [u8; 16], nonce: [u8; 32]) {
        let (_, keys) = handset([1; 32]);
        let hub = ChannelBinding(scene.channel_binding);
        let (device_id, nonce_sent) = (DeviceId(device), GatewayNonce(nonce));
        let attachment = keys.device.attach(&hub, &device_id, &nonce_sent);
        let behind = hub_channel_binding(&hub, &device_id, &nonce_sent);
        prop_assert!(keys.device.verify_attach(&hub, &device_id, &nonce_sent, &attachment));
        for changed in each_bit_changed(nonce).map(GatewayNonce) {
            prop_assert!(!keys.device.verify_attach(&hub, &device_id, &changed, &attachment));
            prop_assert_ne!(hub_channel_binding(&hub, &device_id, &changed), behind);
        }
        for changed in each_bit_changed(device).map(DeviceId) {
            prop_assert!(!keys.device.verify_attach(&hub, &changed, &nonce_sent, &attachment));
            prop_assert_ne!(hub_channel_binding(&hub, &changed, &nonce_sent), behind);
        }
        for changed in each_bit_changed(hub.0).map(ChannelBinding) {
            prop_assert!(!keys.device.verify_attach(&changed, &device_id, &nonce_sent, &attachment));
            prop_assert_ne!(hub_channel_binding(&changed, &device_id, &nonce_sent), behind);
        }
        let proof = Proof([7; 32]);
        let vouched = keys.device.vouch(&scene.auth(), &proof);
        prop_assert!(keys.device.verify_vouch(&scene.auth(), &proof, &vouched));
        scene.each_bit_changed(|changed, what| {
            assert!(!keys.device.verify_vouch(&changed.auth(), &proof, &vouched), "{what}");
        });
        for changed in each_bit_changed(proof.0).map(Proof) {
            prop_assert!(!keys.device.verify_vouch(&scene.auth(), &changed, &vouched));
        }
    }
}

#[test]
fn an_enrolment_binds_all_that_it_names() {
    let (_, keys) = handset([1; 32]);
    let (_, other_keys) = handset([2; 32]);
    let (binding, other_binding) = (ChannelBinding([3; 32]), ChannelBinding([4; 32]));
    let (spki, other_spki) = (SpkiHash([5; 32]), SpkiHash([6; 32]));
    let customer = CustomerId::new("1234-567-890").unwrap();
    let other_customer = CustomerId::new("1234-567-891").unwrap();
    let (device, other_device) = (DeviceId([7; 16]), DeviceId([8; 16]));
    let (salt, other_salt) = (Salt([9; 16]), Salt([10; 16]));
    let enrolment = Enrolment {
        channel_binding: &binding,
        spki: &spki,
        customer: &customer,
        device: &device,
        salt: &salt,
        keys: &keys,
    };
    let code = ActivationCode::from_bytes([11; 16]);
    let signature = enrolment.authenticate(&code);
    assert!(enrolment.verify(&code, &signature));
    assert!(!enrolment.verify(&ActivationCode::from_bytes([12; 16]), &signature));
    let others = [
        Enrolment { channel_binding: &other_binding, ..enrolment },
        Enrolment { spki: &other_spki, ..enrolment },
        Enrolment { customer: &other_customer, ..enrolment },
        Enrolment { device: &other_device, ..enrolment },
        Enrolment { salt: &other_salt, ..enrolment },
        Enrolment { keys: &other_keys, ..enrolment },
    ];
    for other in others {
        assert!(!other.verify(&code, &signature));
    }
    for changed in each_bit_changed(signature.0) {
        assert!(!enrolment.verify(&code, &Signature(changed)));
    }
}
