//! Reproduces every derived field of the published vectors, which were computed outside the
//! project.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

use std::collections::BTreeSet;

use kessai_terms::collation::{
    ActivationCode, AuthMessage, ChannelBinding, ContentDigest, DeviceSecret, Enrolment,
    GatewayNonce, HandsetNonce, HandsetSecrets, Outcome, Password, ROW_VERSION, Salt, SealingKey,
    ServerKey, ServerNonce, SpkiHash, content_digest, hub_channel_binding, prove, stretch,
};
use kessai_terms::{CustomerId, DeviceId, PresentmentCode};
use serde_json::{Map, Value};

/// One vector, and which of its fields a test has read.
struct Vector {
    fields: Map<String, Value>,
    read: BTreeSet<String>,
}

impl Vector {
    fn text(&mut self, field: &str) -> String {
        self.read.insert(field.to_owned());
        self.fields[field].as_str().unwrap_or_else(|| panic!("{field} is no text")).to_owned()
    }

    fn bytes(&mut self, field: &str) -> Vec<u8> {
        hex::decode(self.text(field)).unwrap_or_else(|_| panic!("{field} is not hexadecimal"))
    }

    fn array<const N: usize>(&mut self, field: &str) -> [u8; N] {
        self.bytes(field).try_into().unwrap_or_else(|_| panic!("{field} has no {N} bytes"))
    }

    fn number(&mut self, field: &str) -> u32 {
        self.read.insert(field.to_owned());
        self.fields[field].as_u64().and_then(|number| u32::try_from(number).ok()).unwrap()
    }

    fn expect(&mut self, field: &str, computed: &[u8]) {
        assert_eq!(hex::encode(computed), self.text(field), "{field}");
    }
}

fn published() -> Value {
    serde_json::from_str(include_str!("collation_vectors.json")).unwrap()
}

#[test]
fn every_derived_field_is_reproduced() {
    let published = published();
    assert_eq!(published["construction"], "kessai/collation/v1");
    let vectors = published["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let fields = vector.as_object().unwrap().clone();
        let mut vector = Vector { fields, read: BTreeSet::new() };
        println!("{}", vector.text("name"));
        reproduce(&mut vector);
        let unread: Vec<_> =
            vector.fields.keys().filter(|field| !vector.read.contains(*field)).collect();
        assert!(unread.is_empty(), "not reproduced: {unread:?}");
    }
}

fn reproduce(vector: &mut Vector) {
    let customer = CustomerId::new(&vector.text("customer_id")).unwrap();
    let device = DeviceId(vector.array("device_id"));

    // The handset at enrolment.
    let password = Password::new(&vector.text("password")).unwrap();
    let salt = Salt(vector.array("salt"));
    let stretched = stretch(&password, &salt);
    vector.expect("stretched", stretched.expose());
    let secret = DeviceSecret::from_bytes(vector.array("device_secret"));
    let secrets = HandsetSecrets::derive(&secret, &stretched, &customer, &device);
    vector.expect("seed", secrets.expose_seed());
    let client_key = secrets.client_key();
    vector.expect("client_key", client_key.expose());
    let keys = secrets.device_keys();
    vector.expect("stored_key", keys.stored.expose());
    vector.expect("server_key", keys.server.expose());
    vector.expect("device_key", keys.device.expose());

    // A payment.
    let digest = content_digest(&vector.bytes("content"));
    vector.expect("content_digest", digest.as_bytes());
    let channel_binding = ChannelBinding(vector.array("channel_binding"));
    let auth = AuthMessage::new(
        ContentDigest(*digest.as_bytes()),
        channel_binding,
        ServerNonce(vector.array("server_nonce")),
        HandsetNonce(vector.array("handset_nonce")),
    );
    vector.expect("auth_message", auth.as_bytes());
    let proof = prove(&client_key, &keys.stored, &auth);
    vector.expect("proof", proof.as_bytes());
    assert!(keys.stored.verify(&auth, &proof));
    let [outcome] = vector.array("outcome");
    let outcome = Outcome::from_byte(outcome).unwrap();
    let signature = keys.server.sign_outcome(&auth, outcome);
    vector.expect("outcome_signature", signature.as_bytes());
    assert!(keys.server.verify_outcome(&auth, outcome, &signature));
    let notice = vector.bytes("notice");
    let signature = keys.server.sign_notice(&digest, &notice);
    vector.expect("notice_signature", signature.as_bytes());
    assert!(keys.server.verify_notice(&digest, &notice, &signature));

    reproduce_code(vector, &keys.server);

    // The row at rest.
    let sealing_key = SealingKey::new(vector.number("sealing_key_id"), vector.array("sealing_key"));
    let version = vector.number("row_version");
    assert_eq!(version, ROW_VERSION);
    let row = sealing_key.seal(&keys, &customer, &device, version, vector.array("row_nonce"));
    vector.expect("sealed_row", row.as_bytes());
    assert!(sealing_key.open(&row, &customer, &device) == Ok(keys.clone()));

    // Behind a carrier hub.
    let nonce = GatewayNonce(vector.array("gateway_nonce"));
    let attachment = keys.device.attach(&channel_binding, &device, &nonce);
    vector.expect("hub_attach", attachment.as_bytes());
    assert!(keys.device.verify_attach(&channel_binding, &device, &nonce, &attachment));
    let behind = hub_channel_binding(&channel_binding, &device, &nonce);
    vector.expect("hub_channel_binding", behind.as_bytes());
    let tag = keys.device.tag(&auth);
    vector.expect("hub_tag", tag.as_bytes());
    let vouched = keys.device.vouch(&auth, &proof);
    vector.expect("hub_vouched", vouched.as_bytes());
    assert!(keys.device.verify_vouch(&auth, &proof, &vouched));

    // Enrolment.
    let code = ActivationCode::from_bytes(vector.array("activation_code"));
    let spki = SpkiHash(vector.array("spki_sha256"));
    let enrolment = Enrolment {
        channel_binding: &channel_binding,
        spki: &spki,
        customer: &customer,
        device: &device,
        salt: &salt,
        keys: &keys,
    };
    let signature = enrolment.authenticate(&code);
    vector.expect("enrolment_mac", signature.as_bytes());
    assert!(enrolment.verify(&code, &signature));
}

fn reproduce_code(vector: &mut Vector, key: &ServerKey) {
    let channel = ChannelBinding(vector.array("channel_binding"));
    let code: PresentmentCode = vector.text("presentment_code").parse().unwrap();
    let expires_at_ms = u64::from_be_bytes(vector.array("code_expires_at_ms"));
    let signature = key.sign_code(&channel, &code, expires_at_ms);
    vector.expect("code_signature", signature.as_bytes());
    assert!(key.verify_code(&channel, &code, expires_at_ms, &signature));

    let other = PresentmentCode::new(code.partition(), 42).unwrap();
    assert!(!key.verify_code(&ChannelBinding([0; 32]), &code, expires_at_ms, &signature));
    assert!(!key.verify_code(&channel, &other, expires_at_ms, &signature));
    assert!(!key.verify_code(&channel, &code, expires_at_ms - 1, &signature));
}
