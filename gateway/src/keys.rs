//! The gateway's own keys: made once by `kessai init`, read at each start, never written to a log.
//!
//! They lie outside the data directory: whoever steals customers, journal and snapshots has
//! nothing to open them with.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use kessai_engine::terms::collation::SealingKey;
use kessai_engine::terms::receipt::ReceiptKey;
use kessai_engine::{KeyPin, Keyring};
use kessai_wire::SERVER_NAME;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::entropy::{Entropy, draw};
use crate::private::{self, Unfit};
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

impl KeyError {
    fn of(unfit: Unfit, path: &Path) -> Self {
        match unfit {
            Unfit::File(source) => Self::File { path: path.to_owned(), source },
            Unfit::Exposed => Self::Exposed(path.to_owned()),
        }
    }
}

/// What the gateway needs of its keys while it runs.
pub struct Keys {
    /// The server certificate with the root behind it.
    pub chain: Vec<CertificateDer<'static>>,
    /// The server key.
    pub server: PrivateKeyDer<'static>,
    /// What clients pin: the root's key.
    pub root_pin: KeyPin,
    /// The oldest key that rows are sealed under; the journal's chain hangs on it.
    first: NumberedKey,
    /// Those after it, the current one last.
    later: Vec<NumberedKey>,
}

/// A sealing key as the file holds it.
struct NumberedKey {
    id: u32,
    key: Zeroizing<[u8; 32]>,
}

impl NumberedKey {
    fn parse(line: &str) -> Option<Self> {
        let (id, digits) = line.split_once(' ')?;
        let mut key = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, key.as_mut()).ok()?;
        Some(Self { id: id.parse().ok()?, key })
    }

    fn sealing_key(&self) -> SealingKey {
        SealingKey::new(self.id, *self.key)
    }
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
        let secret = || Zeroizing::new(hex::encode(Zeroizing::new(draw::<32>(entropy))));
        for (name, content) in [
            (ROOT_CERTIFICATE, Zeroizing::new(root_certificate.pem())),
            (ROOT_KEY, Zeroizing::new(root_key.serialize_pem())),
            (SERVER_CERTIFICATE, Zeroizing::new(server_certificate.pem())),
            (SERVER_KEY, Zeroizing::new(server_key.serialize_pem())),
            (SEALING_KEYS, Zeroizing::new(format!("1 {}\n", *secret()))),
            (ADMIN_TOKEN, Zeroizing::new(format!("{}\n", *secret()))),
        ] {
            write_secret(&folder.join(name), content.as_bytes())?;
        }
        Ok(())
    }

    /// Takes keys that lie in no folder: the server's certificate with the root behind it, the
    /// server's key, and the one key that rows are sealed under.
    ///
    /// # Errors
    /// [`rustls::Error`] if there is no root, or it is no certificate.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        server: PrivateKeyDer<'static>,
        sealing: [u8; 32],
    ) -> Result<Self, rustls::Error> {
        let root = chain.last().ok_or(rustls::Error::NoCertificatesPresented)?;
        let root_pin = tls::pin(root)?;
        let first = NumberedKey { id: 1, key: Zeroizing::new(sealing) };
        Ok(Self { chain, server, root_pin, first, later: Vec::new() })
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
        let (first, later) = sealing_keys(&folder.join(SEALING_KEYS))?;
        // Not used here, and best kept elsewhere; but where they lie they must be safe.
        for name in [ROOT_KEY, ADMIN_TOKEN] {
            let path = folder.join(name);
            if path.exists() {
                private::check(&path).map_err(|unfit| KeyError::of(unfit, &path))?;
            }
        }
        Ok(Self { chain, server, root_pin, first, later })
    }

    /// The sealing keys for the engine, the current one first.
    #[must_use]
    pub fn keyring(&self) -> Keyring {
        Keyring::new(self.sealing_keys())
    }

    /// Reads the token of the administration.
    ///
    /// # Errors
    /// [`KeyError`] if it is missing, exposed or malformed.
    pub fn admin_token(folder: &Path) -> Result<String, KeyError> {
        let path = folder.join(ADMIN_TOKEN);
        let text = read_secret(&path)?;
        let token = std::str::from_utf8(&text).map(str::trim).unwrap_or_default();
        if token.len() < 32 {
            return Err(KeyError::Malformed { path, what: "a token of 32 characters or more" });
        }
        Ok(token.to_owned())
    }

    /// All sealing keys, the current one first: the others open what was sealed earlier.
    #[must_use]
    pub fn sealing_keys(&self) -> Vec<SealingKey> {
        let keys = self.later.iter().rev().chain([&self.first]);
        keys.map(NumberedKey::sealing_key).collect()
    }

    /// The key that new rows are sealed under.
    #[must_use]
    pub fn current_sealing_key(&self) -> SealingKey {
        self.later.last().unwrap_or(&self.first).sealing_key()
    }

    /// The key of the journal's hash chain. It hangs on the first sealing key, which is kept as
    /// long as the journal is.
    #[must_use]
    pub fn chain_key(&self) -> Zeroizing<[u8; 32]> {
        self.first.sealing_key().derive_key("journal chain")
    }

    /// The key by which customers and handsets get the names that stand for them in dumps.
    #[must_use]
    pub fn pseudonym_key(&self) -> Zeroizing<[u8; 32]> {
        self.first.sealing_key().derive_key("dump pseudonyms")
    }

    /// The key of the journal's receipts. Like the chain that they speak of, it hangs on the first
    /// sealing key.
    #[must_use]
    pub fn receipt_key(&self) -> ReceiptKey {
        let key = self.first.sealing_key().derive_key(ReceiptKey::PURPOSE);
        ReceiptKey::from_bytes(*key)
    }

    /// The key of QUIC's stateless resets (RFC 9000, section 10.3.2).
    #[must_use]
    pub fn reset_key(&self) -> Zeroizing<[u8; 32]> {
        self.first.sealing_key().derive_key("stateless reset")
    }

    /// The key by which QUIC connection ids of ours are known, also those of before a restart.
    #[must_use]
    pub fn connection_id_key(&self) -> u64 {
        let key = self.first.sealing_key().derive_key("connection ids");
        key.first_chunk().copied().map_or(0, u64::from_be_bytes)
    }
}

/// Reads lines of a number and a key in hexadecimal, the oldest first: it, and those after it.
fn sealing_keys(path: &Path) -> Result<(NumberedKey, Vec<NumberedKey>), KeyError> {
    let malformed = || KeyError::Malformed {
        path: path.to_owned(),
        what: "sealing keys, each a line of a number of its own and 64 hexadecimal digits",
    };
    let bytes = read_secret(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed())?;
    let mut numbers = HashSet::new();
    let mut keys = Vec::new();
    for line in text.lines() {
        let key = NumberedKey::parse(line).ok_or_else(malformed)?;
        if !numbers.insert(key.id) {
            return Err(malformed());
        }
        keys.push(key);
    }
    let mut keys = keys.into_iter();
    let first = keys.next().ok_or_else(malformed)?;
    Ok((first, keys.collect()))
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    std::fs::read(path).map_err(|source| KeyError::File { path: path.to_owned(), source })
}

fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut content = Zeroizing::new(Vec::new());
    let read = private::open(path)
        .and_then(|mut file| file.read_to_end(&mut content).map_err(Unfit::File));
    read.map_err(|unfit| KeyError::of(unfit, path))?;
    Ok(content)
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::{
        ADMIN_TOKEN, KeyError, Keys, ROOT_CERTIFICATE, ROOT_KEY, SEALING_KEYS, SERVER_CERTIFICATE,
        SERVER_KEY,
    };
    use crate::entropy::SystemEntropy;

    fn made() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        Keys::create(folder.path(), &SystemEntropy).unwrap();
        folder
    }

    fn chmod(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn keys_are_read_back_as_they_were_made_and_never_written_over() {
        let folder = made();
        let (first, again) =
            (Keys::load(folder.path()).unwrap(), Keys::load(folder.path()).unwrap());
        assert_eq!(first.root_pin, again.root_pin);
        assert_eq!(first.chain_key(), again.chain_key());
        assert_ne!(*first.chain_key(), *first.reset_key(), "each purpose has its own key");
        let error = Keys::create(folder.path(), &SystemEntropy).unwrap_err();
        assert!(matches!(error, KeyError::File { .. }), "{error}");
        assert_eq!(Keys::load(folder.path()).unwrap().root_pin, first.root_pin);
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused_by_name() {
        for name in [SERVER_KEY, SEALING_KEYS, ROOT_KEY, ADMIN_TOKEN] {
            for mode in [0o644, 0o640, 0o604, 0o602] {
                let folder = made();
                let path = folder.path().join(name);
                chmod(&path, mode);
                let error = Keys::load(folder.path()).unwrap_err();
                assert!(
                    matches!(&error, KeyError::Exposed(exposed) if *exposed == path),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        for name in [ROOT_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY, SEALING_KEYS] {
            let folder = made();
            std::fs::remove_file(folder.path().join(name)).unwrap();
            let error = Keys::load(folder.path()).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn the_root_key_may_be_kept_elsewhere() {
        let folder = made();
        std::fs::remove_file(folder.path().join(ROOT_KEY)).unwrap();
        Keys::load(folder.path()).unwrap();
    }

    #[test]
    fn a_malformed_file_is_named_and_not_quoted() {
        let digits = "ab".repeat(32);
        for (name, content) in [
            (ROOT_CERTIFICATE, "no certificate".to_owned()),
            (SERVER_CERTIFICATE, "no certificate".to_owned()),
            (SERVER_KEY, "no key".to_owned()),
            (SEALING_KEYS, String::new()),
            (SEALING_KEYS, digits.clone()),
            (SEALING_KEYS, format!("1 {}", &digits[1..])),
            (SEALING_KEYS, format!("one {digits}")),
            (SEALING_KEYS, format!("1 {digits}\n1 {digits}\n")),
        ] {
            let folder = made();
            std::fs::write(folder.path().join(name), content).unwrap();
            let error = Keys::load(folder.path()).unwrap_err();
            assert!(matches!(error, KeyError::Malformed { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains(name) && !text.contains("abab"), "{text}");
        }
    }

    #[test]
    fn the_last_sealing_key_is_current_and_the_first_keeps_the_chain() {
        let folder = made();
        let before = Keys::load(folder.path()).unwrap();
        let path = folder.path().join(SEALING_KEYS);
        let old = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{old}2 {}\n", "cd".repeat(32))).unwrap();
        let after = Keys::load(folder.path()).unwrap();
        assert_eq!(after.chain_key(), before.chain_key());
        assert_eq!(before.current_sealing_key().id(), 1);
        assert_eq!(after.current_sealing_key().id(), 2);
        for id in [1, 2] {
            assert_eq!(after.keyring().key(id).unwrap().id(), id);
        }
    }

    #[test]
    fn no_debug_print_shows_a_key() {
        let folder = made();
        let printed = format!("{:?}", Keys::load(folder.path()).unwrap());
        let sealing = std::fs::read_to_string(folder.path().join(SEALING_KEYS)).unwrap();
        let digits = sealing.trim().rsplit(' ').next().unwrap();
        assert!(!printed.contains(digits) && !printed.contains("sealing"), "{printed}");
    }
}
