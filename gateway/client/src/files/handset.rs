//! Keeps what a handset needs to come, and to prove once the password is typed.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kessai_terms::collation::{
    DeviceKey, DeviceSecret, HandsetSecrets, Password, Salt, ServerKey, Stretched, stretch,
};
use kessai_wire::{GatewayAddress, Handset as HandsetId};
use quinn::Endpoint;
use tokio::task::spawn_blocking;

use crate::error::ConnectError;
use crate::files::text::{Reader, Writer};
use crate::files::{Draft, FileError, failed, read_secret};
use crate::handset::{Events, Handset};
use crate::keys::{PeerKey, RootPin};
use crate::options::Options;
use crate::quic::{QuicConnector, QuicOptions, resolve};

/// Is what [`enrol_handset`](crate::enrol_handset) leaves in its folder: whose handset it is, its
/// private key, its own secret and the salt of the password, the key that verifies what the gateway
/// signs, and where and how to know the gateway. The password is not in it, nor anything that was
/// made of it but that key.
///
/// Whoever has the file can try passwords against that key without asking the gateway, at the price
/// of one stretching each. A phone keeps the secrets in its keystore instead.
pub struct HandsetFile {
    pub(crate) folder: PathBuf,
    pub(crate) gateway: GatewayAddress,
    pub(crate) root: RootPin,
    pub(crate) id: HandsetId,
    pub(crate) salt: Salt,
    pub(crate) secret: DeviceSecret,
    pub(crate) server: ServerKey,
    pub(crate) key: PeerKey,
}

const NAME: &str = "handset";
const HEADING: &str = "kessai-handset 1";
/// Holds the number of the last notice, which changes with every payment and is no secret.
const SEEN: &str = "seen";

impl fmt::Debug for HandsetFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandsetFile")
            .field("id", &self.id)
            .field("gateway", &self.gateway)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl HandsetFile {
    /// Reads what was left in a folder.
    ///
    /// # Errors
    /// [`FileError`] tells which file, and what is wrong with it.
    pub fn open(folder: &Path) -> Result<Self, FileError> {
        let missing = || failed(&folder.join(NAME), std::io::ErrorKind::NotFound.into());
        Self::open_if_there(folder)?.ok_or_else(missing)
    }

    pub(crate) fn open_if_there(folder: &Path) -> Result<Option<Self>, FileError> {
        let path = folder.join(NAME);
        let Some(text) = read_secret(&path)? else { return Ok(None) };
        let mut reader = Reader::new(&path, &text, HEADING)?;
        let gateway = reader.line("gateway", |text| text.parse().ok())?;
        let root = reader.line("root", |text| text.parse().ok())?;
        let customer = reader.line("customer", |text| text.parse().ok())?;
        let device = reader.line("device", |text| text.parse().ok())?;
        let salt = Salt(reader.bytes("salt")?);
        let secret = DeviceSecret::from_bytes(reader.bytes("secret")?);
        let server = ServerKey::from_bytes(reader.bytes("server")?);
        let (folder, id) = (folder.to_owned(), HandsetId { customer, device });
        Ok(Some(Self { folder, gateway, root, id, salt, secret, server, key: reader.key()? }))
    }

    pub(crate) fn draft(&self) -> Result<Draft, FileError> {
        let text = Writer::new(HEADING)
            .line("gateway", &self.gateway)
            .line("root", self.root)
            .line("customer", self.id.customer)
            .line("device", self.id.device)
            .line("salt", self.salt)
            .secret("secret", self.secret.expose())
            .secret("server", self.server.expose())
            .key(&self.key)
            .map_err(|error| failed(&self.folder.join(NAME), std::io::Error::other(error)))?;
        Draft::write(&self.folder, NAME, &text)
    }

    /// Tells whose handset it is, and which.
    pub const fn id(&self) -> HandsetId {
        self.id
    }

    /// Tells where the gateway is.
    pub const fn gateway(&self) -> &GatewayAddress {
        &self.gateway
    }

    /// Tells by which root the gateway is known.
    pub const fn root(&self) -> RootPin {
        self.root
    }

    /// Lends the TLS key.
    pub const fn key(&self) -> &PeerKey {
        &self.key
    }

    /// Lends the key that verifies what the gateway signs for this handset.
    pub const fn server_key(&self) -> &ServerKey {
        &self.server
    }

    /// Computes the key that shows possession, for
    /// [`connect_through_hub`](Handset::connect_through_hub).
    pub fn device_key(&self) -> DeviceKey {
        self.secret.device_key(&self.id.customer, &self.id.device)
    }

    /// Makes of a password, as the customer has just typed it, what a payment is
    /// [approved](Handset::approve) with. It takes a moment, on a thread of its own.
    ///
    /// It does not tell whether the password is right: only the gateway does, which counts.
    pub async fn secrets(&self, password: &Password) -> HandsetSecrets {
        let stretched = stretched(password, self.salt).await;
        HandsetSecrets::derive(&self.secret, &stretched, &self.id.customer, &self.id.device)
    }

    /// Reads the number of the last notice that was [kept](Self::keep_seen); 0 at first.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be read.
    pub fn seen(&self) -> Result<u64, FileError> {
        let path = self.folder.join(SEEN);
        match fs::read_to_string(&path) {
            Ok(text) => text
                .trim_end()
                .parse()
                .map_err(|_| FileError::Malformed { path, part: "number of the last notice" }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(failed(&path, error)),
        }
    }

    /// Keeps the number of the last notice: what [`Handset::seen`] tells, after the notice itself
    /// was kept or shown. A number below the one that is kept changes nothing.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be written.
    pub fn keep_seen(&self, number: u64) -> Result<(), FileError> {
        if self.seen()? < number {
            Draft::write(&self.folder, SEEN, &format!("{number}\n"))?.keep()?;
        }
        Ok(())
    }

    /// Looks the gateway up and prepares connections to it.
    ///
    /// # Errors
    /// [`ConnectError`] if there is no such host, or the key cannot be used.
    pub async fn connector(
        &self,
        endpoint: Endpoint,
        options: &QuicOptions,
    ) -> Result<QuicConnector, ConnectError> {
        let gateway = resolve(&endpoint, &self.gateway).await?;
        QuicConnector::new(endpoint, gateway, self.root, &self.key, options)
    }

    /// Connects the handset, which goes on from the last notice that was kept.
    ///
    /// # Errors
    /// [`ConnectError`] as in [`Handset::connect`]; also if the number of the last notice cannot be
    /// read.
    pub async fn connect(
        &self,
        endpoint: Endpoint,
        quic: &QuicOptions,
        options: Options,
    ) -> Result<(Handset, Events), ConnectError> {
        let seen = self.seen().map_err(|error| ConnectError::Setup(error.to_string()))?;
        let connector = Arc::new(self.connector(endpoint, quic).await?);
        Handset::connect(connector, self.id, self.server.clone(), seen, options).await
    }
}

/// Stretches a password where it holds nothing else up.
pub(crate) async fn stretched(password: &Password, salt: Salt) -> Stretched {
    let lent = password.clone();
    // Without a result the runtime is shutting down, and there is nothing left to hold up.
    spawn_blocking(move || stretch(&lent, &salt)).await.unwrap_or_else(|_| stretch(password, &salt))
}
