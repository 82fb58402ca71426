//! The gateway's own keys: made once by `kessai init`, read at each start, never written to a log.
//!
//! They lie outside the data directory: whoever steals customers, journal and snapshots has
//! nothing to open them with.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use kessai_engine::terms::collation::SealingKey;
use kessai_engine::{KeyPin, Keyring};
use kessai_wire::SERVER_NAME;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::entropy::{Entropy, draw};
use crate::tls;

const ROOT_CERTIFICATE: &str = "root.pem";
const ROOT_KEY: &str = "root.key";
const SERVER_CERTIFICATE: &str = "server.pem";
const SERVER_KEY: &str = "server.key";
const SEALING_KEYS: &str = "sealing.keys";
const ADMIN_TOKEN: &str = "admin.token";

/// Why keys cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than the owner may read a secret.
    #[error("{0} can be read by others than its owner: chmod 600 it")]
    Exposed(PathBuf),
    /// A file does not hold what it should.
    #[error("{path} does not hold {what}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// A certificate cannot be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// What the gateway needs of its keys while it runs.
pub struct Keys {
    /// The server certificate with the root behind it.
    pub chain: Vec<CertificateDer<'static>>,
    /// The server key.
    pub server: PrivateKeyDer<'static>,
    /// What clients pin: the root's key.
    pub root_pin: KeyPin,
    /// The key that rows are sealed under, by number; the journal's chain hangs on the first.
    sealing: Vec<(u32, [u8; 32])>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("root_pin", &self.root_pin).finish_non_exhaustive()
    }
}

impl Keys {
    /// Makes all keys of a new processor and writes them to `folder`, readable by the owner alone.
    ///
    /// # Errors
    /// [`KeyError`] if a file is there already or cannot be written.
    pub fn create(folder: &Path, entropy: &dyn Entropy) -> Result<(), KeyError> {
        let root_key = KeyPair::generate()?;
        let mut root = CertificateParams::default();
        root.distinguished_name.push(DnType::CommonName, "Kessai root");
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root_certificate = root.self_signed(&root_key)?;
        let issuer = Issuer::from_params(&root, &root_key);
        let server_key = KeyPair::generate()?;
        let mut server = CertificateParams::new(vec![SERVER_NAME.to_owned()])?;
        server.distinguished_name.push(DnType::CommonName, "Kessai gateway");
        let server_certificate = server.signed_by(&server_key, &issuer)?;
        let sealing = format!("1 {}\n", hex::encode(draw::<32>(entropy)));
        let token = format!("{}\n", hex::encode(draw::<32>(entropy)));
        for (name, content) in [
            (ROOT_CERTIFICATE, root_certificate.pem()),
            (ROOT_KEY, root_key.serialize_pem()),
            (SERVER_CERTIFICATE, server_certificate.pem()),
            (SERVER_KEY, server_key.serialize_pem()),
            (SEALING_KEYS, sealing),
            (ADMIN_TOKEN, token),
        ] {
            write_secret(&folder.join(name), content.as_bytes())?;
        }
        Ok(())
    }

    /// Reads the keys in `folder`.
    ///
    /// # Errors
    /// [`KeyError`], naming the file that is missing, exposed or malformed.
    pub fn load(folder: &Path) -> Result<Self, KeyError> {
        let certificate = |name: &str| {
            let path = folder.join(name);
            let pem = read(&path)?;
            CertificateDer::from_pem_slice(&pem)
                .map_err(|_| KeyError::Malformed { path, what: "a certificate in PEM" })
        };
        let root = certificate(ROOT_CERTIFICATE)?;
        let server_path = folder.join(SERVER_KEY);
        let server = PrivateKeyDer::from_pem_slice(&read_secret(&server_path)?)
            .map_err(|_| KeyError::Malformed { path: server_path, what: "a private key in PEM" })?;
        let root_pin = tls::pin(&root).map_err(|_| KeyError::Malformed {
            path: folder.join(ROOT_CERTIFICATE),
            what: "a certificate in PEM",
        })?;
        let chain = vec![certificate(SERVER_CERTIFICATE)?, root];
        let sealing = sealing_keys(&folder.join(SEALING_KEYS))?;
        Ok(Self { chain, server, root_pin, sealing })
    }

    /// The sealing keys for the engine, the current one first.
    #[must_use]
    pub fn keyring(&self) -> Keyring {
        let keys = self.sealing.iter().rev();
        Keyring::new(keys.map(|(id, key)| SealingKey::new(*id, *key)).collect())
    }

    /// The key that new rows are sealed under.
    #[must_use]
    pub fn current_sealing_key(&self) -> SealingKey {
        let (id, key) = self.sealing.last().copied().unwrap_or_default();
        SealingKey::new(id, key)
    }

    /// The key of the journal's hash chain. It hangs on the first sealing key, which is kept as
    /// long as the journal is.
    #[must_use]
    pub fn chain_key(&self) -> Zeroizing<[u8; 32]> {
        self.first().derive_key("journal chain")
    }

    /// The key of QUIC's stateless resets (RFC 9000, section 10.3.2).
    #[must_use]
    pub fn reset_key(&self) -> Zeroizing<[u8; 32]> {
        self.first().derive_key("stateless reset")
    }

    fn first(&self) -> SealingKey {
        let (id, key) = self.sealing.first().copied().unwrap_or_default();
        SealingKey::new(id, key)
    }
}

/// Reads lines of a number and a key in hexadecimal, the oldest first.
fn sealing_keys(path: &Path) -> Result<Vec<(u32, [u8; 32])>, KeyError> {
    let malformed = || KeyError::Malformed {
        path: path.to_owned(),
        what: "sealing keys, each a line of a number and 64 hexadecimal digits",
    };
    let text = String::from_utf8(read_secret(path)?).map_err(|_| malformed())?;
    let keys = text
        .lines()
        .map(|line| {
            let (id, key) = line.split_once(' ')?;
            let mut bytes = [0; 32];
            hex::decode_to_slice(key, &mut bytes).ok()?;
            Some((id.parse().ok()?, bytes))
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(malformed)?;
    if keys.is_empty() { Err(malformed()) } else { Ok(keys) }
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    std::fs::read(path).map_err(|source| KeyError::File { path: path.to_owned(), source })
}

fn read_secret(path: &Path) -> Result<Vec<u8>, KeyError> {
    let file_error = |source| KeyError::File { path: path.to_owned(), source };
    let mode = std::fs::metadata(path).map_err(file_error)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed(path.to_owned()));
    }
    read(path)
}

fn write_secret(path: &Path, content: &[u8]) -> Result<(), KeyError> {
    let write = || {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(|source| KeyError::File { path: path.to_owned(), source })
}
