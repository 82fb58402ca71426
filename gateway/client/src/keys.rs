//! Holds the keys by which the two sides know each other.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::digest::{Context, SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use kessai_terms::collation::SpkiHash;
use rcgen::{CertificateParams, DnType, KeyPair, PublicKeyData};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::ParsedCertificate;
use thiserror::Error;
use zeroize::Zeroizing;

/// Is the key by which a terminal or handset is known to the gateway, with a certificate that it
/// signed itself.
///
/// The gateway believes nothing in the certificate but that the peer holds its key: it is only what
/// TLS wants a key to be wrapped in, and is made anew whenever the key is read.
/// [`pin`](Self::pin) is what gets enrolled.
pub struct PeerKey {
    certificate: CertificateDer<'static>,
    secret: Zeroizing<Vec<u8>>,
    pin: [u8; 32],
}

/// Says why a key cannot be made, read or written.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The key or its certificate cannot be made.
    #[error("a key cannot be made: {0}")]
    Making(rcgen::Error),
    /// The text does not hold a private key as PKCS #8 in PEM.
    #[error("there is no private key in it")]
    Malformed,
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl PeerKey {
    /// Makes a new key, P-256.
    ///
    /// # Errors
    /// [`KeyError::Making`] if there is no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        KeyPair::generate().map_err(KeyError::Making).and_then(|pair| Self::new(&pair))
    }

    /// Makes the key that follows from `seed`, P-256: for peers that are made up to load or to test a
    /// gateway, and must be the same ones again. Whoever knows the seed has the key.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] for no seed that anybody will meet: one in 2^32 candidates is no key,
    /// and there are 256 of each seed.
    ///
    /// # Source
    /// FIPS 186-5, A.2.2 (key pairs by rejection sampling).
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        let key = (0..=u8::MAX).find_map(|attempt| {
            let mut context = Context::new(&SHA256);
            context.update(b"kessai/peer-key-from-seed/v1");
            context.update(seed);
            context.update(&[attempt]);
            PrivateKey::from_private_key(&ECDH_P256, context.finish().as_ref()).ok()
        });
        let der: Pkcs8V1Der<'_> =
            key.ok_or(KeyError::Malformed)?.as_der().map_err(|_| KeyError::Malformed)?;
        Self::new(&key_pair(der.as_ref())?)
    }

    /// Reads a private key: what [`to_pem`](Self::to_pem) wrote, or any other tool.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] if there is none in PKCS #8.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let secret = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
            .map(|der| Zeroizing::new(der.secret_pkcs8_der().to_vec()))
            .map_err(|_| KeyError::Malformed)?;
        Self::new(&key_pair(&secret)?)
    }

    fn new(pair: &KeyPair) -> Result<Self, KeyError> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "Kessai peer");
        let certificate = parameters.self_signed(pair).map_err(KeyError::Making)?;
        Ok(Self {
            certificate: certificate.der().clone(),
            secret: Zeroizing::new(pair.serialize_der()),
            pin: sha256(&pair.subject_public_key_info()),
        })
    }

    /// Writes the private key as text. Whoever reads it can pose as this peer.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] never comes of a key that was made or read by this crate.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        key_pair(&self.secret).map(|pair| Zeroizing::new(pair.serialize_pem()))
    }

    /// Reads a file that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`KeyError`] tells which file, and why.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let pem = std::fs::read_to_string(path).map(Zeroizing::new);
        Self::from_pem(&pem.map_err(|source| KeyError::File { path: path.to_owned(), source })?)
    }

    /// Writes the key to a new file that only its owner may read.
    ///
    /// # Errors
    /// [`KeyError::File`] if it cannot be written, or exists: a key is never written over.
    pub fn save(&self, path: &Path) -> Result<(), KeyError> {
        let pem = self.to_pem()?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(path)
            .and_then(|mut file| file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()))
            .map_err(|source| KeyError::File { path: path.to_owned(), source })
    }

    /// Tells by what the gateway knows this key: the SHA-256 of its `SubjectPublicKeyInfo`.
    pub const fn pin(&self) -> [u8; 32] {
        self.pin
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.secret.to_vec()).into()
    }
}

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerKey").field("pin", &hex::encode(self.pin)).finish_non_exhaustive()
    }
}

fn key_pair(secret: &[u8]) -> Result<KeyPair, KeyError> {
    KeyPair::try_from(secret).map_err(|_| KeyError::Malformed)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// Pins the gateway: the SHA-256 of its root key's `SubjectPublicKeyInfo`.
///
/// The certificate that the gateway shows may change as it likes; it must stand under this root.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RootPin(pub [u8; 32]);

/// Says that a text is no pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a root pin has 64 hexadecimal digits")]
pub struct PinError;

impl RootPin {
    /// Tells whether a certificate bears the pinned key.
    pub(crate) fn fits(&self, certificate: &CertificateDer<'_>) -> bool {
        ParsedCertificate::try_from(certificate)
            .is_ok_and(|parsed| sha256(&parsed.subject_public_key_info()) == self.0)
    }
}

impl From<SpkiHash> for RootPin {
    fn from(root: SpkiHash) -> Self {
        Self(root.0)
    }
}

impl FromStr for RootPin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let mut pin = [0; 32];
        hex::decode_to_slice(text, &mut pin).map_err(|_| PinError)?;
        Ok(Self(pin))
    }
}

impl fmt::Display for RootPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for RootPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootPin({self})")
    }
}
