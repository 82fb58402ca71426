//! Keys that follow from the seed: Ed25519 throughout, whose signatures are all of one length, so
//! that the sizes of datagrams repeat. (Those of P-256 vary by two bytes.)

use std::sync::LazyLock;

use kessai_client::PeerKey;
use kessai_gateway::Keys;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SerialNumber,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::simulation::chance::Chance;

/// What stands before an Ed25519 key of 32 bytes in PKCS #8.
///
/// # Source
/// RFC 8410, sections 7 and 10.3.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Rows are sealed under this; handsets are enrolled with it.
pub(super) const SEALING_KEY: [u8; 32] = [0x6b; 32];

/// The gateway's chain and key: the same in every seed, as they cost a signature.
static GATEWAY: LazyLock<(Vec<CertificateDer<'static>>, Vec<u8>)> = LazyLock::new(|| {
    let (root_key, server_key) = (pair(&[0x0a; 32]), pair(&[0x0b; 32]));
    let mut root = CertificateParams::default();
    root.distinguished_name.push(DnType::CommonName, "Kessai root");
    root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    root.serial_number = Some(SerialNumber::from(1_u64));
    let root_certificate = root.self_signed(&root_key).expect("a root");
    let issuer = Issuer::from_params(&root, &root_key);
    let name = kessai_client::wire::SERVER_NAME.to_owned();
    let mut server = CertificateParams::new(vec![name]).expect("the gateway's name");
    server.serial_number = Some(SerialNumber::from(2_u64));
    let certificate = server.signed_by(&server_key, &issuer).expect("the gateway's certificate");
    let chain = vec![certificate.der().clone(), root_certificate.der().clone()];
    (chain, server_key.serialize_der())
});

/// Makes the gateway's keys.
pub(super) fn of_gateway() -> Keys {
    let (chain, key) = &*GATEWAY;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.clone()));
    Keys::new(chain.clone(), key, SEALING_KEY).expect("a chain with its root")
}

/// Makes a peer's key.
pub(super) fn of_peer(chance: &mut Chance) -> PeerKey {
    let pem = pair(&chance.bytes()).serialize_pem();
    PeerKey::from_pem(&pem).expect("a key in PEM")
}

fn pair(secret: &[u8; 32]) -> KeyPair {
    let der: Vec<u8> = PKCS8_PREFIX.iter().chain(secret).copied().collect();
    KeyPair::try_from(der).expect("an Ed25519 key")
}
